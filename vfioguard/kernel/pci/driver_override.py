"""`driver_override` of a PCI function: the one driver that may take it.

Documentation/ABI/testing/sysfs-bus-pci. drivers/pci/pci-driver.c pci_match_device() (6.1, 6.12):
any other driver does not match then, and vfio-pci matches without an id of its own.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Malformed, Reading, gap_from, parse, printable
from vfioguard.kernel.devices import PCI
from vfioguard.root import Root

#: What "%s" prints for no name (lib/vsprintf.c string_nocheck()).
_NULL = "(null)"
#: Bytes of a driver's name at most: it is a directory below /sys/bus/*/drivers.
_NAME_MAX = 255


def read(root: Root, name: str) -> Reading[str]:
    """The driver that function `name` is kept for, or "" if it is kept for none."""
    path = f"{PCI}/{name}/driver_override"
    try:
        raw = root.read(path)
    except OSError as error:
        return gap_from(error, path)
    return parse(raw, path, _driver)


def override(root: Root, name: str) -> str | None:
    """The same; None if it cannot be read."""
    reading = read(root, name)
    return reading.value if isinstance(reading, Fact) else None


def _driver(raw: bytes) -> str:
    text = raw.decode("ascii", "replace").strip()
    if len(text) > _NAME_MAX:
        raise Malformed(f"no driver's name: {text[:48]!a}")
    return "" if text == _NULL else printable(text)
