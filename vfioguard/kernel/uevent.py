"""`uevent` of a device: driver and PCI class in one read that touches no hardware.

drivers/base/core.c dev_uevent(), drivers/pci/pci-driver.c pci_uevent().
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vfioguard.fact import Malformed

_FIELDS = re.compile(rb"^(DRIVER|PCI_CLASS|PCI_ID)=(.*)$", re.MULTILINE)


class Uevent(NamedTuple):
    """`pci_class` is the 24-bit class code (0x060400), `pci_id` is "8086:10D3"."""

    driver: str | None
    pci_class: int | None
    pci_id: str | None


def parse(raw: bytes) -> Uevent:
    """Fields that a device does not have are None."""
    fields = dict(_FIELDS.findall(raw))
    try:
        driver = fields.get(b"DRIVER")
        code = fields.get(b"PCI_CLASS")
        identity = fields.get(b"PCI_ID")
        return Uevent(
            driver.decode("ascii") if driver else None,
            int(code, 16) if code else None,
            identity.decode("ascii") if identity else None,
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise Malformed(f"not a uevent: {raw[:48]!r}") from error
