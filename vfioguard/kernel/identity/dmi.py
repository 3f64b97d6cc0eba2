"""/sys/class/dmi/id: the machine's vendor and product name.

Documentation/ABI/testing/sysfs-firmware-dmi-entries; drivers/firmware/dmi-id.c. Many machines share
both. Serial numbers and UUIDs, which tell one machine from all others, are not read.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, printable_bytes, value_or
from vfioguard.root import Root, reading
from vfioguard.typed import NamedTuple

PATH = "/sys/class/dmi/id"


class Machine(NamedTuple):
    """The names in DMI: "LENOVO", "81FB"."""

    vendor: str
    product: str


def read(root: Root) -> Reading[Machine]:
    """The machine's two names. Returns a gap if one of them cannot be read."""
    vendor = reading(root, f"{PATH}/sys_vendor", _name)
    product = reading(root, f"{PATH}/product_name", _name)
    if isinstance(vendor, Gap):
        return vendor
    if isinstance(product, Gap):
        return product
    return Fact(Machine(vendor.value, product.value), product.raw, product.source)


def shown(root: Root) -> Reading[Machine]:
    """The vendor, and the product or "". Returns a gap if the vendor cannot be read."""
    vendor = reading(root, f"{PATH}/sys_vendor", _name)
    product = reading(root, f"{PATH}/product_name", _name)
    if isinstance(vendor, Gap):
        return vendor
    return Fact(Machine(vendor.value, value_or(product, "")), vendor.raw, vendor.source)


def _name(raw: bytes) -> str:
    return printable_bytes(raw.removesuffix(b"\n"))
