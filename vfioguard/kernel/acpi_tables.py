"""/sys/firmware/acpi/tables: firmware tables, one file each, readable by root alone.

Documentation/ABI/testing/sysfs-firmware-acpi. A table that may not be read is a gap, never "no
table"; so is the whole directory where a container runtime hides /sys/firmware.
"""

from __future__ import annotations

from typing import NamedTuple

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from
from vfioguard.root import ACPI_TABLES, Root

PATH = ACPI_TABLES
_LIMIT = 4 << 20


class AcpiTables(NamedTuple):
    """The tables that bear on interrupts, unparsed: most commands need none of them.

    The MADT's file is called APIC.
    """

    dmar: Reading[bytes]
    ivrs: Reading[bytes]
    madt: Reading[bytes]
    iort: Reading[bytes]


def read(root: Root) -> AcpiTables:
    """The tables of the running host."""
    return AcpiTables(*(_read(root, name) for name in ("DMAR", "IVRS", "APIC", "IORT")))


def devicetree_boot(tables: AcpiTables) -> bool:
    """Whether the host booted without ACPI; where both forms are there, ACPI counts."""
    found = tables.madt
    return isinstance(found, Gap) and found.why is Why.ABSENT and found.source == PATH


def state(reading: Reading[bytes]) -> str:
    """present, absent, denied, hidden (by a container runtime), failed."""
    if isinstance(reading, Fact):
        return "present"
    hidden = reading.why is Why.DENIED and reading.source == PATH
    return "hidden" if hidden else str(reading.why)


def _read(root: Root, signature: str) -> Reading[bytes]:
    """The table; of several that share a signature the first, as the kernel takes it.

    The kernel numbers all of those (APIC1, APIC2): drivers/acpi/sysfs.c acpi_table_attr_init().
    """
    found = _file(root, signature)
    if isinstance(found, Fact) or found.why is not Why.ABSENT:
        return found
    try:
        visible = root.listdir(PATH)
    except OSError as error:
        return gap_from(error, PATH)
    if f"{signature}1" in visible:
        return _file(root, f"{signature}1")
    if visible:  # an absent table is one only where other tables are there to be seen
        return found
    return Gap(Why.DENIED, PATH, "empty: /sys/firmware is hidden here")


def _file(root: Root, name: str) -> Reading[bytes]:
    path = f"{PATH}/{name}"
    try:
        raw = root.read(path, _LIMIT)
    except OSError as error:
        return gap_from(error, root.source(path))
    return Fact(raw, raw, root.source(path))
