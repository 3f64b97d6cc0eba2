"""Whether a function gets its group when a driver binds, as in kernels before v6.15.

This concerns Arm, RISC-V, and an x86 whose VIOT names a virtio-iommu.

On these, firmware ties functions to IOMMUs. Kernels before v6.15 read it in the bus's
dma_configure(), which drivers/base/dd.c really_probe() calls (drivers/pci/pci-driver.c
pci_dma_configure(), 6.12.118). Later kernels read it when a device is added: Linux commit
bcb81ac6ae3c ("iommu: Get DT/ACPI parsing into the proper probe path") (in v6.15).
"""

from __future__ import annotations

from functools import cached_property

from vfioguard.fact import Fact, Gap
from vfioguard.inference import borders, era, translated
from vfioguard.kernel.devices import Device
from vfioguard.kernel.identity.arch import is_arm, is_x86
from vfioguard.kernel.iommu_class import driven, instances
from vfioguard.kernel.uevent import Uevent
from vfioguard.logic import Answer, Claim, ask, every
from vfioguard.snapshot import Snapshot


def concerned(snapshot: Snapshot) -> bool:
    """Whether any kernel makes groups so on a host of this kind."""
    arch = snapshot.kernel.arch
    if isinstance(arch, Gap):
        return False
    if is_x86(arch):
        return driven(snapshot.iommus, "virtio-iommu")
    return (is_arm(arch) or arch.value == "riscv64") and snapshot.wiring is not None


class LateGroups:
    """The answers for the functions of one host that is `concerned()`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._wiring = snapshot.wiring
        self._firmware = translated.Translated(snapshot, self._wiring) if self._wiring else None
        self._of_host = (_late(snapshot), _iommu(snapshot))

    def expected(self, device: Device) -> Answer:
        """Whether the kernel makes a group for the function once a driver binds."""
        parts = [*self._of_host, _no_iommu(self._snapshot, device), _driverless(device)]
        if any(part.truth is False for part in parts):
            pass
        elif self._wiring is None or self._firmware is None:
            viot = self._snapshot.acpi.viot
            parts.append(ask(f"the VIOT names {device.name}", viot, lambda _: None))
        else:
            parts.append(self._firmware.mapped(device.name))
            parts.append(self.unshared(device.name))
        claim = Claim(
            f"{device.name} gets an IOMMU group when a driver binds",
            f"{device.name} gets no IOMMU group when a driver binds",
        )
        return every(claim, parts)

    def unshared(self, name: str) -> Answer:
        """Whether no function in a group sends under the bridge's id that function `name` has."""
        claim = f"no function in a group has an id of {name}"
        if self._wiring is None:
            return ask(claim, self._snapshot.groups, lambda _: None)
        own = translated.ids(self._wiring, name)
        if isinstance(own, Gap) or len(own.value) == 1:
            return ask(claim, own, lambda _: True)
        if not self._express:
            # No function shows a link speed, so nobody can tell bridges to conventional PCI.
            return ask(claim, own, lambda _: None)
        sharer = self._senders.get(own.value[-1])
        if sharer is None:
            return ask(claim, own, lambda _: True)
        sender, theirs = sharer
        shared = Claim(f"{claim} ({sender} has)", f"{sender}, in a group, has an id of {name}")
        return Answer(shared, _takes_more(self._snapshot), (theirs,))

    @cached_property
    def _express(self) -> bool:
        places = self._wiring.places.values() if self._wiring else ()
        return any(isinstance(place, Fact) and place.value.express for place in places)

    @cached_property
    def _senders(self) -> dict[int, tuple[str, Fact[tuple[int, ...]]]]:
        """Requester id -> the first function in a group that sends under it, and all its ids."""
        senders: dict[int, tuple[str, Fact[tuple[int, ...]]]] = {}
        for members in self._snapshot.members if self._wiring else ():
            for device in members.devices:
                theirs = translated.ids(self._wiring, device.name) if self._wiring else None
                if isinstance(theirs, Fact):
                    for number in theirs.value:
                        senders.setdefault(number, (device.name, theirs))
        return senders


def _late(snapshot: Snapshot) -> Answer:
    """Whether the kernel is before v6.15; a number that may hide backports does not tell."""
    early = era.has(snapshot, borders.GROUP_AT_DEVICE_ADD)
    late = None if early is None else not early
    claim = Claim(
        "this kernel makes groups when a driver binds (before v6.15)",
        "this kernel makes no group when a driver binds (from v6.15 on)",
    )
    return ask(claim, snapshot.kernel.release, lambda _: late)


def _iommu(snapshot: Snapshot) -> Answer:
    claim = Claim("an IOMMU is in use", "no IOMMU is in use")
    units, groups = instances(snapshot.iommus), snapshot.groups
    none = isinstance(units, Gap) and isinstance(groups, Fact) and not groups.value
    if none and any(map(_has_driver, snapshot.devices)):
        return ask(claim, groups, bool)  # a function with a driver would be in a group
    return ask(claim, units, bool)


def _has_driver(device: Device) -> bool:
    return isinstance(device.uevent, Fact) and device.uevent.value.driver is not None


def _no_iommu(snapshot: Snapshot, device: Device) -> Answer:
    """Whether the device is not an IOMMU, which is not behind itself whatever the table says.

    drivers/acpi/viot.c viot_dev_iommu_init().
    """
    units, name = instances(snapshot.iommus), device.name
    claim = Claim(f"{name} is no IOMMU itself", f"{name} is an IOMMU itself")
    known = units.value if isinstance(units, Fact) else ()
    own = any(unit.name == device.name for unit in known)
    return ask(claim, units if own else device.uevent, lambda _: not own)


def _driverless(device: Device) -> Answer:
    """Whether no driver is bound; unknown if one is, as nobody knows why its bind made no group."""
    return ask(f"no driver is bound to {device.name}", device.uevent, _without_driver)


def _without_driver(uevent: Uevent) -> bool | None:
    return True if uevent.driver is None else None


def _takes_more(snapshot: Snapshot) -> bool | None:
    """Whether an IOMMU takes one id of several functions: False if none does, else None."""
    units = instances(snapshot.iommus)
    if isinstance(units, Gap) or not era.has(snapshot, borders.SMMU_V3_ID_OF_ONE_FUNCTION):
        return None
    drivers = {unit.driver.name if unit.driver else None for unit in units.value}
    return False if drivers == {"arm-smmu-v3"} else None
