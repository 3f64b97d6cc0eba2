"""From the chip name of an MSI to its irqchip family."""

from __future__ import annotations

import re

from vfioguard import known
from vfioguard.fact import Fact
from vfioguard.irqchip import Irqchip
from vfioguard.kernel.devices import Device

_DEVICE = r"-[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$"
#: The family of Intel and AMD remapping, and that of x86 without it.
REMAPPING = "x86 interrupt remapping"
GENERIC = "generic PCI-MSI"


class Chips:
    """Knows every irqchip family; remembers names, as a host has few."""

    def __init__(self) -> None:
        families = known.leaves("vfioguard.irqchip", "IRQCHIP", Irqchip)
        self._families = {chip: family for family in families for chip in family.chips}
        self._seen: dict[str, Irqchip | None] = {}

    def family(self, device: Device) -> Irqchip | None:
        """The family of the device's MSIs; None if it has none, or one that nobody knows."""
        if not isinstance(device.chip, Fact):
            return None
        name = device.chip.value
        kind = name.removesuffix(f"-{device.name}")
        if kind not in self._seen:
            self._seen[kind] = self._families.get(re.sub(_DEVICE, "", kind))
        return self._seen[kind]

    def is_family(self, device: Device, name: str) -> bool:
        """Whether the device's MSIs are known to be of the named family."""
        family = self.family(device)
        return family is not None and family.family == name
