"""The MSI capability of functions, read if a policy may need it.

The 2016 series tests whether a function without MSIs could have any (policy.md 6.3). If some
interrupt is remapped, that decides nothing, so no capability is read.
"""

from __future__ import annotations

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
    """Read the function's MSI capability if a policy needs it; else drop it.

    `seen`: some interrupt is remapped, so no policy does. `old` is the function as it was read
    earlier, or None. Its capability is used again, because reading it is slow.
    """
    needed = not seen and device.chip is None and not isinstance(device.group, Gap)
    if needed is (device.msi_capability is not None):
        return device
    if not needed:
        return device._replace(msi_capability=None)
    known = None if old is None else _known(device, old)
    if known is None:
        from vfioguard.kernel.pci import pci_config

        known = pci_config.msi_capability(bus, device.name)
    return device._replace(msi_capability=known)


def _known(device: Device, old: Device) -> Reading[bool] | None:
    """The capability of `old`. Returns None if that is another function or it was not read."""
    same = _id(old) == _id(device) and isinstance(old.msi_capability, Fact)
    return old.msi_capability if same else None


def _id(device: Device) -> str | None:
    return device.uevent.value.pci_id if isinstance(device.uevent, Fact) else None


def _chip(chip: Reading[str] | None) -> str:
    return chip.value if isinstance(chip, Fact) else ""
