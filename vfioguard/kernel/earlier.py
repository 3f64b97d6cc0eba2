"""An earlier reading of the same host: what need not be read again, and what stayed the same.

Whatever is read and equals the earlier value becomes that very object. So a host that is read for
ever holds one copy of itself, and who compares two readings asks `is` (evaluate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from vfioguard.fact import Fact
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_groups import Group

if TYPE_CHECKING:
    from vfioguard.kernel.group_members import Members

T = TypeVar("T")


class Earlier:
    """`changed` are the devices to read again, None: all of them."""

    def __init__(
        self,
        groups: Sequence[Members] = (),
        alone: Sequence[Device] = (),
        changed: frozenset[str] | None = None,
    ) -> None:
        self.groups = {members.group.id: members for members in groups}
        self._changed = changed
        self._functions = {d.name: d for one in groups for d in one.devices if d.bus == "pci"}
        self._functions.update({device.name: device for device in alone})

    def function(self, name: str, read: Callable[[], Device]) -> Device:
        """A PCI function: as it was, or read again."""
        old = self._functions.get(name)
        if old is not None and self._changed is not None and name not in self._changed:
            return old
        return keep(read(), old)

    def capability(self, device: Device) -> Fact[bool] | None:
        """What is known of its MSI capability: asked once of each device, as asking is slow."""
        old = self._functions.get(device.name)
        if old is None or not isinstance(old.msi_capability, Fact) or _id(old) != _id(device):
            return None
        return old.msi_capability

    def group(self, number: int, devices: Iterable[Device], read: Callable[[], Group]) -> Group:
        """A group: as it was, or read again as one of its devices is to be, or came or went."""
        old = self.groups.get(number)
        if old is None:
            return read()
        changed = self._changed
        names = [device.name for device in devices]
        same = names == [device.name for device in old.devices]
        if changed is not None and same and changed.isdisjoint(names):
            return old.group
        return keep(read(), old.group)


def _id(device: Device) -> str | None:
    return device.uevent.value.pci_id if isinstance(device.uevent, Fact) else None


def keep(new: T, old: T | None) -> T:
    """The earlier object where it says the same."""
    return old if old is not None and old == new else new
