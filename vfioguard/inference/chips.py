"""Finds the irqchip family of an MSI by the name of its chip."""

from __future__ import annotations

import re

from vfioguard import leaves
from vfioguard.fact import Fact, Reading
from vfioguard.irqchip import Irqchip
from vfioguard.kernel.devices import Device

_DEVICE = r"-[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$"
#: The family of Intel's and AMD's remapping, and the family of x86 without it.
REMAPPING = "x86 interrupt remapping"
GENERIC = "generic PCI-MSI"
#: A chip is looked for in these families first, so that most hosts load no other.
_FIRST = ("x86_remapping", "x86_vector", "gic_v3_its")


#: The longest name that `name[48]` of struct msi_domain_template holds (include/linux/msi.h, v6.2
#: to v7.3).
_LONGEST = 47


def _kind(chip: str, device: str) -> str:
    """The chip's name without the device's, whose end the kernel may have cut off."""
    if len(chip) == _LONGEST:
        for match in re.finditer("-", chip):
            if f"-{device}".startswith(chip[match.start() :]):
                return chip[: match.start()]
    return chip.removesuffix(f"-{device}")


class Chips:
    """Knows every irqchip family, and remembers names, because a host has few.

    It loads one family after another until one has the chip.
    """

    def __init__(self) -> None:
        self._others = leaves.one_by_one("vfioguard.irqchip", "IRQCHIP", Irqchip, _FIRST)
        self._families: dict[str, Irqchip] = {}
        self._seen: dict[str, Irqchip | None] = {}

    def family(self, device: Device) -> Irqchip | None:
        """The family of the device's MSIs; None if it has no MSI, or no family has its chip."""
        return self.family_of(device.name, device.chip)

    def family_of(self, device: str, chip: Reading[str] | None) -> Irqchip | None:
        """The same for the name of a device and its chip, which a `Witness` has as well."""
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
        """Whether `chip` shows that the MSIs of `device` are of the family `name`."""
        family = self.family_of(device, chip)
        return family is not None and family.family == name
