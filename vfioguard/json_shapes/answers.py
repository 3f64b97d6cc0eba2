"""What the daemon alone answers: lists, one group, one device, the gate, errors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.report import Device, Document, Group, NeedsOverride, Ungrouped
from vfioguard.verdict import Outcome


class GroupList(Document):
    """Groups, all or by outcome."""

    groups: Annotated[list[Group], Field(description="those that were asked for, by number")]


class OneGroup(Document, Group):
    """One group with its proof."""


class UngroupedDevice(Ungrouped):
    """A PCI function in no IOMMU group, where that one device is asked for."""

    bus: Annotated[str, Field(description="the bus in sysfs", examples=["pci"])]
    isolated: Annotated[None, Field(description="not known of a device without a group")]


class DeviceHead(TypedDict):
    """A device and the verdict on it."""

    device: Annotated[
        Device | UngroupedDevice, Field(description="the second if it is in no group")
    ]
    outcome: Annotated[Outcome, Field(description="that of its group, `unknown` without one")]
    needs_override: NeedsOverride


class OneDevice(Document, DeviceHead):
    """A device, the verdict on it, and its group."""

    group: Annotated[Group | None, Field(description="null if it is in none")]


class Check(Document):
    """The answer of the gate."""

    target: Annotated[
        str, Field(description="what was asked for", examples=["0000:41:00.0", "group:12"])
    ]
    group: Annotated[int | None, Field(description="the number of its group, null if in none")]
    outcome: Annotated[Outcome, Field(description="that of the group, `unknown` without one")]
    level: Annotated[
        Literal["Info", "Warning", "Error"],
        Field(description="Warning: only the override lets it pass"),
    ]
    needs_override: NeedsOverride
    policy: Annotated[str | None, Field(description="the policy that decided, null if in no group")]
    reason: Annotated[str, Field(description="why, as a sentence for people")]
    series: Annotated[
        Outcome | None, Field(description="what the series of 2016 says, null if in no group")
    ]
    agrees: Annotated[
        bool | None, Field(description="whether the series and the kernel agree, null if unknown")
    ]


class Problem(TypedDict):
    """An error (RFC 9457)."""

    type: Annotated[
        Literal["about:blank"], Field(description="always this: `title` says what kind it is")
    ]
    title: Annotated[str, Field(description="the phrase of the status", examples=["Not Found"])]
    status: Annotated[int, Field(description="the status of the answer", ge=400, le=599)]
    detail: Annotated[str, Field(description="what is wrong and what to do, in one line")]


class CheckProblem(Problem, Check):
    """The gate's answer if the attach would not go well: an error with the members of `Check`."""
