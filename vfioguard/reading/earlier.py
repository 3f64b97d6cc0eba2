"""An earlier reading of the same host, whose parts need not all be read again.

A value that equals the earlier one becomes that very object (unchanged.py). So following a host
holds one copy of it, and two readings can be compared by `is`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vfioguard.fact import Reading
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_groups import Group
from vfioguard.typed import TYPE_CHECKING
from vfioguard.unchanged import keep

if TYPE_CHECKING:
    from vfioguard.kernel.firmware.wiring import Wiring
    from vfioguard.kernel.log import Log
    from vfioguard.snapshot import Snapshot


class Earlier:
    """The parts of a host's last Snapshot that its next reading can use; none at the first reading.

    `changed` are the names of the devices to read again, or None to read all. `log` and `container`
    do not change before the next boot, and `wiring` changes only for those devices. They are None
    if they must be read.
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
        """The PCI function `name` as it was, or read again by `read` if it may have changed."""
        old = self._functions.get(name)
        if old is not None and self.changed is not None and name not in self.changed:
            return old
        return keep(read(), old)

    def device(self, name: str) -> Device | None:
        """The PCI function `name` as it was. Returns None if there was no such function."""
        return self._functions.get(name)

    def group(self, number: int, devices: Iterable[Device], read: Callable[[], Group]) -> Group:
        """The group as it was, or read again by `read` if one of its devices changed, came or went.

        `devices` are its devices now.
        """
        old = self.groups.get(number)
        if old is None:
            return read()
        changed = self.changed
        names = [device.name for device in devices]
        same = names == [device.name for device in old.devices]
        if changed is not None and same and changed.isdisjoint(names):
            return old.group
        return keep(read(), old.group)
