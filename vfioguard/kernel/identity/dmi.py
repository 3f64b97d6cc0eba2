"""/sys/class/dmi/id: who made this machine and what it is called, which firmware cannot be without.

Documentation/ABI/testing/sysfs-firmware-dmi-entries; drivers/firmware/dmi-id.c. Neither names one
machine alone: serial numbers and UUIDs are nobody's business and not read.
"""

from __future__ import annotations

from typing import NamedTuple

from vfioguard.fact import Fact, Gap, Reading, printable_bytes
from vfioguard.root import Root, reading

PATH = "/sys/class/dmi/id"


class Machine(NamedTuple):
    """As DMI has them: "LENOVO", "81FB"."""

    vendor: str
    product: str


def read(root: Root) -> Reading[Machine]:
    """The machine's two names; a gap where one of them cannot be read."""
    vendor = reading(root, f"{PATH}/sys_vendor", _name)
    product = reading(root, f"{PATH}/product_name", _name)
    if isinstance(vendor, Gap):
        return vendor
    if isinstance(product, Gap):
        return product
    return Fact(Machine(vendor.value, product.value), product.raw, product.source)


def _name(raw: bytes) -> str:
    return printable_bytes(raw.removesuffix(b"\n"))
