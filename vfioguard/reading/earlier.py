"""An earlier reading of the same host: what need not be read again.

Whatever is read and equals the earlier value becomes that very object (unchanged.py). So a host
that is read for ever holds one copy of itself, and who compares two readings asks `is`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from vfioguard.fact import Reading
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_groups import Group
from vfioguard.unchanged import keep

if TYPE_CHECKING:
    from vfioguard.kernel.firmware.wiring import Wiring
    from vfioguard.kernel.log import Log
    from vfioguard.snapshot import Snapshot


class Earlier:
    """What is known of a host before it is read: nothing, or what its last Snapshot holds.

    `changed` are the devices to read again, None if that is all of them. `log`, `container` and
    `wiring` do not change within a boot but for those devices; they are None where they are to be
    read.
    """

    log: Reading[Log] | None = None
    container: Reading[bool] | None = None
    wiring: Wiring | None = None

    def __init__(
        self, before: Snapshot | None = None, changed: frozenset[str] | None = None
    ) -> None:
        self.changed = changed
        groups = before.members if before else ()
        self.groups = {members.group.id: members for members in groups}
        self._functions = {
            device.name: device
            for members in groups
            for device in members.devices
            if device.bus == "pci"
        }
        if before is not None:
            self._functions.update({device.name: device for device in before.devices})
            if changed is not None:
                self.log = before.interrupts.log
                self.container = before.container
                self.wiring = before.wiring

    def function(self, name: str, read: Callable[[], Device]) -> Device:
        """A PCI function: as it was, or read again."""
        old = self._functions.get(name)
        if old is not None and self.changed is not None and name not in self.changed:
            return old
        return keep(read(), old)

    def device(self, name: str) -> Device | None:
        """A PCI function as it was; None if there was none of this name."""
        return self._functions.get(name)

    def group(self, number: int, devices: Iterable[Device], read: Callable[[], Group]) -> Group:
        """A group: as it was, or read again because one of its devices changed, came or went."""
        old = self.groups.get(number)
        if old is None:
            return read()
        changed = self.changed
        names = [device.name for device in devices]
        same = names == [device.name for device in old.devices]
        if changed is not None and same and changed.isdisjoint(names):
            return old.group
        return keep(read(), old.group)
