"""The answer of `check`, for one target and for several."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.attach import Attach
from vfioguard.json_shapes.answers import ProblemHead
from vfioguard.json_shapes.attachment import Blocker, Call
from vfioguard.json_shapes.cause import Cause, Named
from vfioguard.json_shapes.document import Document
from vfioguard.json_shapes.facts import FactsByName
from vfioguard.json_shapes.report import HoldersGap, NeedsOverride
from vfioguard.verdict import Outcome


class OneBackend(TypedDict):
    """What an attach of the target through one backend meets."""

    answer: Annotated[Attach, Field(description="whether it succeeds")]
    errno: Annotated[str | None, Field(description="the first that the kernel gives")]
    call: Annotated[Call | None, Field(description="the call that gives it")]
    blockers: Annotated[list[str], Field(description="their names")]


class Target(Named):
    """The answer for one target, given all others that were named with it."""

    target: Annotated[
        str, Field(description="what was asked for", examples=["0000:41:00.0", "group:12"])
    ]
    answer: Annotated[
        Attach, Field(description="the worst of the backends; `unknown` for an unknown name")
    ]
    reason: Annotated[str, Field(description="why, as a sentence for people")]
    level: Annotated[
        Literal["Info", "Warning", "Error"],
        Field(description="Warning: only the override lets it pass"),
    ]
    errno: Annotated[str | None, Field(description="the first that the kernel gives")]
    call: Annotated[Call | None, Field(description="the call that gives it")]
    devices: Annotated[
        list[str], Field(description="the devices that a guest gets for this target")
    ]
    bind_first: Annotated[
        list[str], Field(description="devices of the target that are on no VFIO driver yet")
    ]
    change: Annotated[list[str], Field(description="commands that remove what blocks it now")]
    why: Annotated[list[Cause], Field(description="the causes with what to change")]
    blockers: Annotated[list[Blocker], Field(description="those of the worst backend")]
    backends: Annotated[
        dict[str, OneBackend], Field(description="the answer of each backend that counts")
    ]
    objections: Annotated[
        list[str],
        Field(description="why the asker refuses it: `expect`, or the host needs it; then no"),
    ]
    host_critical: Annotated[
        dict[str, list[str]] | None,
        Field(
            description="devices that the host needs, and what for; null if nobody looked",
            examples=[{"0000:41:00.0": ["the disk of /"]}],
        ),
    ]
    holders_gap: HoldersGap
    group: Annotated[int | None, Field(description="its group; null if in none or in several")]
    groups: Annotated[list[int], Field(description="the numbers of its groups")]
    outcome: Annotated[
        Outcome, Field(description="the interrupt rule alone; `unknown` without a group")
    ]
    needs_override: NeedsOverride
    policy: Annotated[str | None, Field(description="the policy that decided, null if in no group")]
    series: Annotated[
        Outcome | None, Field(description="what the series of 2016 says, null if in no group")
    ]
    agrees: Annotated[
        bool | None, Field(description="whether the series and the kernel agree, null if unknown")
    ]


class Check(Document, Target):
    """The answer of the gate for one target."""


class Checks(Document):
    """The answer of the gate for several targets."""

    answer: Annotated[Attach, Field(description="the worst of the targets")]
    targets: Annotated[list[Target], Field(description="in the order in which they were asked")]


class ToldChecks(Checks):
    """What `check` prints as JSON: the same, and what the devices are."""

    facts: FactsByName


class CheckProblem(ProblemHead, Check):
    """The gate's answer if the attach would not go well: an error with the members of `Check`."""


class ChecksProblem(ProblemHead, Checks):
    """The same for several targets."""
