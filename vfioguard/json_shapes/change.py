"""What is different between two readings of a host: `vfioguard diff`, /v1/events."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.change import Direction, Kind
from vfioguard.json_shapes.report import Classed

Value: TypeAlias = str | int | bool | list[str] | None


class ChangedDevice(Classed):
    """A device that a change concerns."""

    name: Annotated[str, Field(description="as its bus names it", examples=["0000:41:00.0"])]
    bus: Annotated[str, Field(description="the bus in sysfs", examples=["pci"])]
    driver: Annotated[str | None, Field(description="the driver that is bound, null for none")]


class Change(TypedDict):
    """One change; the data of one event."""

    kind: Annotated[Kind, Field(description="what changed")]
    direction: Annotated[Direction, Field(description="whether the host is better or worse off")]
    subject: Annotated[
        str,
        Field(description="what it is about", examples=["group:12", "0000:41:00.0", "host"]),
    ]
    group: Annotated[int | None, Field(description="the number of the group, null if of none")]
    before: Annotated[Value, Field(description="what it was; of a membership, who left")]
    after: Annotated[Value, Field(description="what it is; of a membership, who joined")]
    cause: Annotated[
        str | None, Field(description="what else changed and bears on it, or why the verdict is so")
    ]
    at: Annotated[
        str,
        Field(
            description="when `after` was read (RFC 3339, UTC)", examples=["2026-11-22T18:00:00Z"]
        ),
    ]
    summary: Annotated[str, Field(description="a sentence for people")]
    devices: Annotated[
        list[ChangedDevice], Field(description="the members of the group, at most 64")
    ]
    omitted_devices: NotRequired[
        Annotated[int, Field(description="how many further members `devices` leaves out")]
    ]


class Side(TypedDict):
    """One of the two hosts that `vfioguard diff` compares."""

    name: Annotated[str, Field(description="the argument")]
    at: Annotated[str, Field(description="when it was read (RFC 3339, UTC)")]
    boot_id: Annotated[str | None, Field(description="the boot, null if nobody may know it")]
    kernel: Annotated[str | None, Field(description="the kernel's release")]
    interrupt_remapping: Annotated[
        bool | None, Field(description="whether it is on; null if unknown, or not an x86")
    ]
    groups: Annotated[int | None, Field(description="how many, null if they could not be read")]


class Difference(TypedDict):
    """What `vfioguard diff --output json` prints."""

    schema_version: Annotated[
        Literal[1], Field(description="fields are added under the same number, never changed")
    ]
    before: Side
    after: Side
    changes: list[Change]
