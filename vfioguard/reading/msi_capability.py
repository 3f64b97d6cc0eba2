"""The MSI capability of functions, read where a policy may ask for it.

The 2016 series asks whether a function without MSIs could have any (policy.md 6.3). Where any
interrupt is remapped the answer decides nothing, and none is read.
"""

from collections.abc import Iterable

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.kernel.devices import Device
from vfioguard.kernel.interrupts import irq
from vfioguard.root import Directory
from vfioguard.snapshot import Interrupts


def remapping_seen(interrupts: Interrupts, functions: Iterable[Device]) -> bool:
    """Whether any interrupt of the machine is remapped."""
    return wired_remapped(interrupts) or any(
        _chip(device.chip).startswith(irq.REMAPPED) for device in functions
    )


def wired_remapped(interrupts: Interrupts) -> bool:
    """Whether a wired interrupt is remapped."""
    return any(_chip(entry.chip).startswith("IR-") for entry in interrupts.wired)


def with_capability(bus: Directory, device: Device, old: Device | None, *, seen: bool) -> Device:
    """The function with its MSI capability, or without if no policy asks for it.

    `seen`: some interrupt is remapped. `old` is the function as it was read earlier: as the kernel
    is slow to answer, it is asked once for each.
    """
    asked = not seen and device.chip is None and not isinstance(device.group, Gap)
    if asked is (device.msi_capability is not None):
        return device
    if not asked:
        return device._replace(msi_capability=None)
    known = None if old is None else _known(device, old)
    if known is None:
        from vfioguard.kernel.pci import pci_config

        known = pci_config.msi_capability(bus, device.name)
    return device._replace(msi_capability=known)


def _known(device: Device, old: Device) -> Reading[bool] | None:
    """What was read of the same function; None if it is another one, or could not be read."""
    same = _id(old) == _id(device) and isinstance(old.msi_capability, Fact)
    return old.msi_capability if same else None


def _id(device: Device) -> str | None:
    return device.uevent.value.pci_id if isinstance(device.uevent, Fact) else None


def _chip(chip: Reading[str] | None) -> str:
    return chip.value if isinstance(chip, Fact) else ""
