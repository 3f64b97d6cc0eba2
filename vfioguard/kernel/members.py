"""The devices of an IOMMU group, and where a group or a device stands among all."""

from collections.abc import Iterator
from typing import NamedTuple

from vfioguard import unchanged
from vfioguard.fact import Fact, Reading
from vfioguard.kernel import devices, iommu_groups
from vfioguard.kernel.devices import Device

#: The source of groups that the links of their devices name, where the list was not recorded.
LINKS = f"{devices.PCI}/*/iommu_group"


class Members(NamedTuple):
    """A group with its devices; `complete` proves that there are no others, or is a gap."""

    group: iommu_groups.Group
    devices: tuple[Device, ...]
    complete: Reading[object]


def place(groups: tuple[Members, ...], number: int) -> int | None:
    """Where the group of this number stands."""
    return unchanged.numbered(groups, number, _number)


def _number(members: Members) -> int:
    return members.group.id


def every_device(
    groups: Reading[tuple[Members, ...]], alone: tuple[Device, ...]
) -> Iterator[Device]:
    """All devices, those of the groups first."""
    for members in groups.value if isinstance(groups, Fact) else ():
        yield from members.devices
    yield from alone
