"""The JSON of the HTTP face, for /openapi.json alone: no answer is built from these models.

They mirror vfioguard/output/json.py; a test holds the served bytes against them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from vfioguard.change import Direction, Kind
from vfioguard.fact import Why
from vfioguard.verdict import Outcome


class FactLeaf(BaseModel):
    """What a file held."""

    path: str
    raw: str


class GapLeaf(BaseModel):
    """Why a file told nothing."""

    path: str
    why: Why
    errno: str | None
    detail: str


class Claim(BaseModel):
    """A claim, whether it holds, and what decided it. null: the evidence does not decide."""

    claim: str
    truth: bool | None
    because: list[Claim | FactLeaf | GapLeaf]
    omitted: int = Field(default=0, description="parts of the proof beyond those in `because`")


class Verdict(BaseModel):
    """What one policy says of a group."""

    policy: str
    outcome: Outcome
    needs_override: bool | None
    because: Claim
    override: Claim


class Device(BaseModel):
    """A member of a group, or a PCI function without one."""

    name: str
    bus: str
    driver: str | None
    pci_class: str | None = Field(alias="class", pattern="^0x[0-9a-f]{6}$")
    isolated: bool | None


class Ungrouped(BaseModel):
    """A PCI function in no IOMMU group. `binds`: whether a VFIO driver can be bound to it."""

    name: str
    driver: str | None
    pci_class: str | None = Field(alias="class", pattern="^0x[0-9a-f]{6}$")
    binds: bool | None
    reason: str


class UngroupedDevice(Ungrouped):
    """The same where one device is asked for."""

    bus: str
    isolated: None


class Holder(BaseModel):
    """A process that has the group's device node open; `since` is when the process was started."""

    pid: int
    name: str
    since: str | None


class Group(BaseModel):
    """An IOMMU group. A backend that this kernel does not have is null.

    `holders` is null where nobody looked (no member is bound to a VFIO driver), or a gap says why.
    """

    id: int
    type: str | None
    devices: list[Device]
    outcome: Outcome
    needs_override: bool | None
    policy: str
    backends: dict[str, Verdict | None]
    series: Verdict
    agrees: bool | None
    holders: list[Holder] | None


class Document(BaseModel):
    """What every answer begins with."""

    schema_version: Literal[1]
    generated_at: str = Field(description="RFC 3339, UTC", examples=["2026-11-22T18:00:00Z"])


class Host(BaseModel):
    """The host, and by what its groups are judged."""

    kernel: str | None
    arch: str | None
    iommu: list[str]
    policies_in_force: list[str]
    pinned_policy: str | None
    interrupt_remapping: bool | None = Field(description="x86's; null: not known, or another arch")


class FindingItem(BaseModel):
    """Something about the whole host that a person should look at."""

    finding: str
    severity: Literal["warning", "critical"]
    summary: str
    because: Claim


class Report(Document):
    """The whole host."""

    host: Host
    overrides: dict[str, bool | None]
    pending_overrides: dict[str, bool | None]
    firmware: dict[str, Literal["present", "absent", "denied", "hidden", "failed"]]
    groups_read: GapLeaf | None
    groups: list[Group]
    ungrouped_devices: list[Ungrouped]
    findings: list[FindingItem]
    gaps: list[GapLeaf]


class GroupList(Document):
    """Groups, all or by outcome."""

    groups: list[Group]


class OneGroup(Document, Group):
    """One group with its proof."""


class OneDevice(Document):
    """A device, the verdict on it, and its group, null where it has none."""

    device: Device | UngroupedDevice
    outcome: Outcome
    needs_override: bool | None
    group: Group | None


class Check(Document):
    """The answer of the gate. `policy`, `series` and `agrees` are null without a group."""

    target: str
    group: int | None
    outcome: Outcome
    level: Literal["Info", "Warning", "Error"]
    needs_override: bool | None
    policy: str | None
    reason: str
    series: Outcome | None
    agrees: bool | None


class ChangedDevice(BaseModel):
    """A device that a change concerns."""

    name: str
    bus: str
    driver: str | None
    pci_class: str | None = Field(alias="class", pattern="^0x[0-9a-f]{6}$")


class Change(BaseModel):
    """The data of one event. Of a membership: who left and who joined."""

    kind: Kind
    direction: Direction
    subject: str = Field(examples=["group:12", "0000:41:00.0", "host"])
    group: int | None
    before: str | int | bool | list[str] | None
    after: str | int | bool | list[str] | None
    cause: str | None
    at: str = Field(description="RFC 3339, UTC", examples=["2026-11-22T18:00:00Z"])
    summary: str
    devices: list[ChangedDevice]
    omitted_devices: int = Field(default=0, description="devices beyond those in `devices`")


class Remapping(BaseModel):
    """Whether an x86's firmware allows it, which is not whether it is on."""

    possible: bool | None
    reasons: list[str]
    missing_io_apics: list[int]


class Break(BaseModel):
    """Where a table stops making sense."""

    offset: int
    why: str


class LostReference(BaseModel):
    """A structure that refers to a place of its table where nothing is that can be meant."""

    offset: int
    reference: int


class FirmwareTable(BaseModel):
    """A table. `table` has every field by its name, bytes as hex, and `kind` in each structure."""

    signature: str
    path: str
    state: Literal["present", "malformed", "absent", "denied", "hidden", "failed"]
    errno: str | None
    detail: str | None
    broken: Break | None
    lost_references: list[LostReference]
    table: dict[str, Any] | None


class MemoryHolder(BaseModel):
    """A device that goes on using memory; `shown`: its group's reserved_regions have it."""

    device: str
    group: int | None
    relaxable: bool
    shown: bool | None


class MemoryRegion(BaseModel):
    """Memory that firmware keeps for devices, by a structure at `offset` of a table."""

    kind: Literal["RMRR", "IVMD", "RMR"]
    start: int
    end: int
    path: str
    offset: int
    devices: list[MemoryHolder]
    unresolved: list[str]


class MemoryGap(BaseModel):
    """A table that may name more and cannot be read."""

    path: str
    why: str
    errno: str | None
    detail: str


class Memory(BaseModel):
    """All such memory of the host."""

    regions: list[MemoryRegion]
    gaps: list[MemoryGap]


class Firmware(BaseModel):
    """The firmware tables that bear on interrupts; `interrupt_remapping` is null off x86.

    `memory` is null for tables from elsewhere (`vfioguard firmware --table`).
    """

    schema_version: Literal[1]
    sentence: str
    interrupt_remapping: Remapping | None
    memory: Memory | None
    tables: list[FirmwareTable]


class Problem(BaseModel):
    """RFC 9457. The gate's 409 and 503 carry the members of `Check` too."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
