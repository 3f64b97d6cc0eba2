"""`uevent` of a device: its driver and PCI class in one read that touches no hardware.

drivers/base/core.c dev_uevent(), drivers/pci/pci-driver.c pci_uevent().
"""

from __future__ import annotations

from functools import lru_cache

from vfioguard.fact import Malformed, printable
from vfioguard.typed import NamedTuple

#: Bytes of a driver's name at most: a driver is a directory below /sys/bus/*/drivers.
_NAME_MAX = 255
#: PCI_BASE_CLASS_DISPLAY (include/linux/pci_ids.h), the base class in a 24-bit class code.
DISPLAY = 0x03
_ASKED = (b"DRIVER=", b"PCI_CLASS=", b"PCI_ID=")


class Uevent(NamedTuple):
    """Fields of a uevent; None if it lacks one.

    `pci_class` is the 24-bit class code (0x060400), `pci_id` is "8086:10D3".
    """

    driver: str | None
    pci_class: int | None
    pci_id: str | None


def select(raw: bytes) -> bytes:
    """Keep the fields of `Uevent`. Equal results are the same object.

    A host may have thousands of virtual functions whose uevents differ only in other fields.
    """
    if b"=" not in raw:
        return raw
    lines = [line + b"\n" for line in raw.split(b"\n") if line.startswith(_ASKED)]
    return _same(b"".join(lines))


@lru_cache(maxsize=1024)
def _same(raw: bytes) -> bytes:
    return raw


@lru_cache(maxsize=1024)
def parse(raw: bytes) -> Uevent:
    """The fields of a uevent. Raises Malformed if the bytes are not a uevent."""
    if raw and b"=" not in raw:
        raise Malformed(f"not a uevent: {raw[:48]!r}")
    text = b"\n%s\n" % raw
    driver = _field(text, b"\nDRIVER=")
    code = _field(text, b"\nPCI_CLASS=")
    identity = _field(text, b"\nPCI_ID=")
    if driver and len(driver) > _NAME_MAX:
        raise Malformed(f"no driver's name: {driver[:48]!r}")
    try:
        return Uevent(
            driver=printable(driver.decode("ascii")) if driver else None,
            pci_class=int(code, 16) if code else None,
            pci_id=printable(identity.decode("ascii")) if identity else None,
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise Malformed(f"not a uevent: {raw[:48]!r}") from error


def _field(text: bytes, key: bytes) -> bytes | None:
    line = text.find(key)  # a third of a regular expression's price, paid three times a device
    if line < 0:
        return None
    start = line + len(key)
    return text[start : text.index(b"\n", start)]
