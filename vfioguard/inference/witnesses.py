"""The devices whose MSIs speak for more than themselves: the first of each kind.

What is inferred of the whole machine sees these and no other device. So a device that changes
concerns the other groups only where it changes this value (evaluate.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vfioguard.bdf import parse_bdf
from vfioguard.fact import Fact
from vfioguard.inference.chips import Chips
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import Iommu
from vfioguard.snapshot import Snapshot

#: VMD numbers its domains above what firmware can (drivers/pci/controller/vmd.c).
FIRST_VMD_DOMAIN = 0x10000
_ORDINARY = len("0000:00:00.0")


class Witnesses(NamedTuple):
    """The first device, those of groups first, of each kind that has an MSI.

    `by_family`: irqchip family -> device; `by_unit`: (x86 remapping unit, family) -> device.
    `unisolated` has MSIs of a family without isolation, `its` of an ITS. `vmd` are all that tell
    what a VMD does: the VMDs themselves, and what is behind one and has an MSI.
    """

    by_family: Mapping[str, Device]
    by_unit: Mapping[tuple[str, str], Device]
    unisolated: Device | None
    its: Device | None
    vmd: tuple[Device, ...]


def find(snapshot: Snapshot, chips: Chips, units: Mapping[str, Iommu]) -> Witnesses:
    """Those of one snapshot; `units` maps a device to the remapping unit that manages it."""
    by_family: dict[str, Device] = {}
    by_unit: dict[tuple[str, str], Device] = {}
    kinds: dict[tuple[str | None, str], Device] = {}
    vmd: list[Device] = []
    for device in every_device(snapshot):
        ordinary = len(device.name) <= _ORDINARY
        if device.driver == "vmd" or not (ordinary or domain(device) < FIRST_VMD_DOMAIN):
            vmd.append(device)
        family = chips.family(device)
        if family is None:
            continue
        unit = units.get(device.name)
        key = (unit.name if unit else None), family.family
        if key not in kinds:
            kinds[key] = device
            by_family.setdefault(family.family, device)
            if unit is not None:
                by_unit[unit.name, family.family] = device
    told = [(device, chips.family(device)) for device in by_family.values()]
    return Witnesses(
        by_family,
        by_unit,
        next((one for one, family in told if family and not family.isolates), None),
        next((one for one, family in told if family and family.its), None),
        tuple(one for one in vmd if one.driver == "vmd" or isinstance(one.chip, Fact)),
    )


def every_device(snapshot: Snapshot) -> Iterator[Device]:
    """All devices, those of the groups first."""
    for members in snapshot.groups.value if isinstance(snapshot.groups, Fact) else ():
        yield from members.devices
    yield from snapshot.devices


def domain(device: Device) -> int:
    """The PCI domain of a device, -1 for one of another bus."""
    bdf = parse_bdf(device.name)
    return -1 if bdf is None else bdf.domain
