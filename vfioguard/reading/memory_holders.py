"""Which functions may own memory that firmware reserves: only for these are the bridges read.

A DMAR names a function by its path from the root bus (VT-d 5.0 8.3.1). A function's link tells that
path in one system call. Most functions need none, because the kernel shows the memory that firmware
reserves for a group in the group's `reserved_regions` ("direct", "direct-relaxable").
"""

from __future__ import annotations

from vfioguard.fact import Fact, Reading
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.reading.earlier import Earlier
from vfioguard.root import Directory
from vfioguard.unchanged import keep


def with_bridges(
    bus: Directory,
    groups: Reading[tuple[Members, ...]],
    alone: tuple[Device, ...],
    earlier: Earlier,
) -> tuple[Reading[tuple[Members, ...]], tuple[Device, ...]]:
    """Fill in `bridges` of functions whose group shows such memory or cannot tell.

    Functions without a group (`alone`) get them as well.
    """
    if isinstance(groups, Fact):
        groups = groups._replace(
            value=tuple(
                [
                    keep(of_group(bus, members), earlier.groups.get(members.group.id))
                    for members in groups.value
                ]
            )
        )
    return groups, tuple([of_device(bus, device, needed=True) for device in alone])


def of_group(bus: Directory, members: Members) -> Members:
    """The group, its functions with `bridges` if it shows such memory or cannot tell."""
    needed = _may_own_memory(members)
    devices = tuple([of_device(bus, device, needed=needed) for device in members.devices])
    return members if devices == members.devices else members._replace(devices=devices)


def of_device(bus: Directory, device: Device, *, needed: bool) -> Device:
    """The function with `bridges` if they are `needed`; they are read once, as it does not move."""
    if device.bus != "pci" or needed is (device.bridges is not None):
        return device
    return device._replace(bridges=_bridges(bus, device.name) if needed else None)


def _bridges(bus: Directory, name: str) -> Reading[tuple[str, ...]]:
    from vfioguard.kernel.pci import pci_topology

    return pci_topology.bridges(bus, name)


def _may_own_memory(members: Members) -> bool:
    regions = members.group.reserved_regions
    if not isinstance(regions, Fact):
        return True
    return any(region.type.startswith("direct") for region in regions.value)
