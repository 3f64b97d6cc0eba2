"""The devices of an IOMMU group, and the position of a group among all."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard import unchanged
from vfioguard.fact import Fact, Reading
from vfioguard.kernel import devices, iommu_groups
from vfioguard.kernel.devices import Device
from vfioguard.typed import NamedTuple

#: The source of the list of groups if only the links of their devices were recorded.
LINKS = f"{devices.PCI}/*/iommu_group"


class Members(NamedTuple):
    """A group with its devices. `complete` proves that it has no others, or is a gap."""

    group: iommu_groups.Group
    devices: tuple[Device, ...]
    complete: Reading[object]


def position(groups: tuple[Members, ...], number: int) -> int | None:
    """The index of the group of this number. Returns None if there is no such group."""
    return unchanged.numbered(groups, number, _number)


def _number(members: Members) -> int:
    return members.group.id


def every_device(
    groups: Reading[tuple[Members, ...]], alone: tuple[Device, ...]
) -> Iterator[Device]:
    """All devices: those of the groups, then `alone`, which are in no group."""
    for members in groups.value if isinstance(groups, Fact) else ():
        yield from members.devices
    yield from alone
