"""PCI addresses as the kernel prints them: `0000:00:02.1` (domain:bus:device.function)."""

from __future__ import annotations

import re

from vfioguard.typed import NamedTuple

# pci_name() in drivers/pci/probe.c: "%04x:%02x:%02x.%d". VMD's domains begin at 0x10000.
_FULL = r"(?i)([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])"
_SHORT = r"(?i)([0-9a-f]{2}):([01][0-9a-f])\.([0-7])"


class Bdf(NamedTuple):
    """The address of a PCI function; str() gives the kernel's full form."""

    domain: int
    bus: int
    device: int
    function: int

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function}"


def parse_bdf(text: str) -> Bdf | None:
    """Parse "0000:41:00.0", or "41:00.0" (domain 0). Returns None if `text` is neither."""
    if full := re.fullmatch(_FULL, text):
        domain, bus, device, function = full.groups()
        return Bdf(
            domain=int(domain, 16), bus=int(bus, 16), device=int(device, 16), function=int(function)
        )
    if short := re.fullmatch(_SHORT, text):
        bus, device, function = short.groups()
        return Bdf(domain=0, bus=int(bus, 16), device=int(device, 16), function=int(function))
    return None
