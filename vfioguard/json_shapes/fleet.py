"""Many hosts: `vfioguard fleet --output json`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.verdict import Outcome


class WorstHosts(TypedDict):
    """How many hosts have this as their worst outcome."""

    outcome: Annotated[Outcome | None, Field(description="null: the host has no group")]
    hosts: Annotated[int, Field(description="how many")]


class KernelHosts(TypedDict):
    """How many hosts run a kernel."""

    kernel: Annotated[str | None, Field(description="its release, null if that is not known")]
    hosts: Annotated[int, Field(description="how many")]


class FleetCause(TypedDict):
    """Why groups of some hosts are refused, blocked or unknown."""

    cause: Annotated[str, Field(description="a name of docs/causes.md", examples=["dmar_forbids"])]
    outcome: Annotated[
        Outcome | None,
        Field(
            description="that of the groups' interrupts; allowed: something else refuses them; "
            "null: the hosts have no group"
        ),
    ]
    groups: Annotated[int, Field(description="the groups whose first cause it is")]
    bound: Annotated[int, Field(description="those of them that are bound to a VFIO driver")]
    sentence: Annotated[str, Field(description="why, as it is on the first host")]
    change: Annotated[list[str], Field(description="the steps, as they are on the first host")]
    paths: Annotated[list[str], Field(description="the hosts, those with the most groups first")]


class FleetFinding(TypedDict):
    """A thing about whole hosts that a person should look at."""

    finding: Annotated[str, Field(description="its name")]
    severity: Annotated[str, Field(description="how bad it is")]
    paths: Annotated[list[str], Field(description="the hosts that have it")]


class NotJudged(TypedDict):
    """A host that could not be judged."""

    path: Annotated[str, Field(description="what was to be read")]
    why: Annotated[str, Field(description="why not, in one line")]


class FleetHost(TypedDict):
    """A host."""

    path: Annotated[str, Field(description="the capture, or the host's directory")]
    kernel: Annotated[str | None, Field(description="its release, null if that is not known")]
    outcome: Annotated[Outcome | None, Field(description="the worst, null if it has no group")]
    groups: Annotated[dict[Outcome, int], Field(description="how many groups have each outcome")]
    causes: Annotated[list[str], Field(description="the names of its causes")]


class Fleet(TypedDict):
    """Many hosts, and why they refuse, the worst first."""

    schema_version: Annotated[
        Literal[1], Field(description="fields are added under the same number, never changed")
    ]
    generated_at: Annotated[str, Field(description="when this was said (RFC 3339, UTC)")]
    groups: Annotated[dict[str, int], Field(description="how many groups have each outcome")]
    worst: Annotated[list[WorstHosts], Field(description="hosts by their worst outcome")]
    kernels: Annotated[list[KernelHosts], Field(description="hosts by kernel, most first")]
    causes: Annotated[list[FleetCause], Field(description="why, the worst first")]
    findings: Annotated[list[FleetFinding], Field(description="the critical ones first")]
    not_judged: Annotated[list[NotJudged], Field(description="hosts that could not be judged")]
    hosts: Annotated[list[FleetHost], Field(description="each host, the worst first")]
