"""From the chip name of an MSI to its irqchip family."""

from __future__ import annotations

import re

from vfioguard import leaves
from vfioguard.fact import Fact, Reading
from vfioguard.irqchip import Irqchip
from vfioguard.kernel.devices import Device

_DEVICE = r"-[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$"
#: The family of Intel and AMD remapping, and that of x86 without it.
REMAPPING = "x86 interrupt remapping"
GENERIC = "generic PCI-MSI"


#: What `name[48]` of struct msi_domain_template holds (include/linux/msi.h, v6.2 to v7.3).
_LONGEST = 47


def _kind(chip: str, device: str) -> str:
    """The chip without its device, of whose name the kernel may have cut the end."""
    if len(chip) == _LONGEST:
        for match in re.finditer("-", chip):
            if f"-{device}".startswith(chip[match.start() :]):
                return chip[: match.start()]
    return chip.removesuffix(f"-{device}")


class Chips:
    """Knows every irqchip family; remembers names, as a host has few.

    Families are loaded until one has the chip that is asked for.
    """

    def __init__(self) -> None:
        self._others = leaves.one_by_one("vfioguard.irqchip", "IRQCHIP", Irqchip)
        self._families: dict[str, Irqchip] = {}
        self._seen: dict[str, Irqchip | None] = {}

    def family(self, device: Device) -> Irqchip | None:
        """The family of the device's MSIs; None if it has none, or one that nobody knows."""
        return self._family(device.name, device.chip)

    def _family(self, device: str, chip: Reading[str] | None) -> Irqchip | None:
        if not isinstance(chip, Fact):
            return None
        kind = _kind(chip.value, device)
        if kind not in self._seen:
            self._seen[kind] = self._with_chip(kind) or self._with_chip(re.sub(_DEVICE, "", kind))
        return self._seen[kind]

    def _with_chip(self, name: str) -> Irqchip | None:
        while name not in self._families and (family := next(self._others, None)) is not None:
            self._families.update(dict.fromkeys(family.chips, family))
        return self._families.get(name)

    def is_family(self, device: str, chip: Reading[str] | None, name: str) -> bool:
        """Whether the MSIs of a device, by their chip, are known to be of the named family."""
        family = self._family(device, chip)
        return family is not None and family.family == name
