"""What the daemon alone answers: lists, one group, one device, the gate, errors."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.cause import Named, Why
from vfioguard.json_shapes.document import Document, Stale
from vfioguard.json_shapes.facts import FactsByName
from vfioguard.json_shapes.report import Device, Group, Lone, NeedsOverride
from vfioguard.verdict import Outcome


class GroupList(Document):
    """Groups, all or by outcome."""

    groups: Annotated[list[Group], Field(description="those that were asked for, by number")]


class WideGroupList(GroupList):
    """Groups and, if somebody asked for it, what their devices are."""

    facts: NotRequired[FactsByName]


class OneGroup(Document, Group):
    """One group with its proof, and what its devices are."""

    facts: FactsByName

    why: Why


class DeviceHead(TypedDict):
    """A device and the verdict on it."""

    device: Annotated[Lone | Device, Field(description="the first if it is in no group")]
    outcome: Annotated[Outcome, Field(description="that of its group, `unknown` without one")]
    needs_override: NeedsOverride


class DeviceTold(DeviceHead, Named):
    """The same with the causes of the verdict."""

    why: Why


class OneDevice(Document, DeviceTold):
    """A device, the verdict on it, and its group."""

    group: Annotated[Group | None, Field(description="null if it is in none")]
    facts: FactsByName


class WhatIf(Document):
    """One group as if something were so."""

    assumed: Annotated[list[str], Field(description="what was assumed", examples=[["intremap=on"]])]
    today: Annotated[Outcome, Field(description="the outcome on the host as it is")]
    then: Annotated[Outcome, Field(description="the outcome on the host that is assumed")]
    group: Annotated[Group, Field(description="the group on the host that is assumed")]


class ProblemHead(TypedDict):
    """What an error begins with (RFC 9457)."""

    type: Annotated[
        Literal["about:blank"], Field(description="always this: `title` says what kind it is")
    ]
    title: Annotated[str, Field(description="the phrase of the status", examples=["Not Found"])]
    status: Annotated[int, Field(description="the status of the answer", ge=400, le=599)]
    detail: Annotated[str, Field(description="what is wrong and what to do, in one line")]


class Problem(ProblemHead):
    """An error. If the daemon is not ready, it says why and since when."""

    stale: NotRequired[
        Annotated[Stale | None, Field(description="null if the answer can be relied on")]
    ]
    read_at: NotRequired[
        Annotated[
            str | None,
            Field(description="when the host was last read, null before the first time"),
        ]
    ]
