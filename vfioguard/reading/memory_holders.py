"""Which functions may be the ones whose memory firmware keeps: only their place on the bus is read.

A DMAR names a function by its way from the root bus (VT-d 5.0 8.3.1). The link of a function tells
that way in one system call; most functions need none, as the kernel shows what firmware keeps for a
group in the group's `reserved_regions` ("direct", "direct-relaxable").
"""

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
    """Fill in `bridges` where a group shows such memory, cannot show any, or is none."""
    if isinstance(groups, Fact):
        groups = groups._replace(
            value=tuple(
                [keep(of_group(bus, one), earlier.groups.get(one.group.id)) for one in groups.value]
            )
        )
    return groups, tuple([of_device(bus, device, needed=True) for device in alone])


def of_group(bus: Directory, members: Members) -> Members:
    """The same of one group."""
    needed = _may(members)
    found = tuple([of_device(bus, device, needed=needed) for device in members.devices])
    return members if found == members.devices else members._replace(devices=found)


def of_device(bus: Directory, device: Device, *, needed: bool) -> Device:
    """The same of one function, which stays where it is: its way is read once."""
    if device.bus != "pci" or needed is (device.bridges is not None):
        return device
    return device._replace(bridges=_way(bus, device.name) if needed else None)


def _way(bus: Directory, name: str) -> Reading[tuple[str, ...]]:
    from vfioguard.kernel.pci import pci_topology

    return pci_topology.bridges(bus, name)


def _may(members: Members) -> bool:
    regions = members.group.reserved_regions
    if not isinstance(regions, Fact):
        return True
    return any(region.type.startswith("direct") for region in regions.value)
