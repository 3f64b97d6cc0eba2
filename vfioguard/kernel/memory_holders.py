"""Which functions may be the ones whose memory firmware keeps: only their place on the bus is read.

A DMAR names a function by its way from the root bus (VT-d 5.0 8.3.1). The link of a function tells
that way in one system call; most functions need none, as the kernel shows what firmware keeps for a
group in the group's `reserved_regions` ("direct", "direct-relaxable").
"""

from vfioguard.fact import Fact, Reading
from vfioguard.kernel import pci_topology
from vfioguard.kernel.devices import Device
from vfioguard.kernel.group_members import Members
from vfioguard.root import Directory


def with_bridges(
    bus: Directory, groups: Reading[tuple[Members, ...]], alone: tuple[Device, ...]
) -> tuple[Reading[tuple[Members, ...]], tuple[Device, ...]]:
    """Fill in `bridges` where a group shows such memory, cannot show any, or is none."""
    if isinstance(groups, Fact):
        groups = groups._replace(
            value=tuple([_members(bus, one) if _may(one) else one for one in groups.value])
        )
    return groups, tuple(_device(bus, device) for device in alone)


def _may(members: Members) -> bool:
    regions = members.group.reserved_regions
    if not isinstance(regions, Fact):
        return True
    return any(region.type.startswith("direct") for region in regions.value)


def _members(bus: Directory, members: Members) -> Members:
    return members._replace(devices=tuple(_device(bus, device) for device in members.devices))


def _device(bus: Directory, device: Device) -> Device:
    if device.bus != "pci":
        return device
    return device._replace(bridges=pci_topology.bridges(bus, device.name))
