"""/sys/firmware/acpi/tables: firmware tables, one file each, readable by root alone.

Documentation/ABI/testing/sysfs-firmware-acpi. A table that may not be read is a gap, never "no
table"; so is the whole directory where a container runtime hides /sys/firmware.
"""

from typing import NamedTuple

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from
from vfioguard.root import ACPI_TABLES, Root

PATH = ACPI_TABLES
_FIRMWARE = "/sys/firmware"
_LIMIT = 4 << 20


class AcpiTables(NamedTuple):
    """Tables, unparsed: most commands need none of them.

    The first four bear on interrupts; the others tell of virtio's IOMMUs, of PCI segments and of
    RISC-V's IOMMUs, and no verdict rests on them.
    """

    dmar: Reading[bytes]
    ivrs: Reading[bytes]
    madt: Reading[bytes]
    iort: Reading[bytes]
    viot: Reading[bytes]
    mcfg: Reading[bytes]
    rimt: Reading[bytes]


#: The files, in the order of the fields: the MADT's is called APIC.
FILES = ("DMAR", "IVRS", "APIC", "IORT", "VIOT", "MCFG", "RIMT")


def read(root: Root) -> AcpiTables:
    """The tables of the running host."""
    directory = _Directory(root)
    return AcpiTables(*map(directory.table, FILES))


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


class _Directory:
    """The directory of the tables, listed at most once, and only where a table is not there."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._listed: list[str] | Gap | None = None

    def table(self, signature: str) -> Reading[bytes]:
        """The table; of several that share a signature the first, as the kernel takes it.

        The kernel numbers all of those (APIC1, APIC2): drivers/acpi/sysfs.c
        acpi_table_attr_init().
        """
        found = self._file(signature)
        if isinstance(found, Fact) or found.why is not Why.ABSENT:
            return found
        visible = self._names()
        if isinstance(visible, Gap):
            return visible
        if f"{signature}1" in visible:
            return self._file(f"{signature}1")
        if visible:  # an absent table is one only where other tables are there to be seen
            return found
        return Gap(Why.DENIED, PATH, "empty: /sys/firmware is hidden here")

    def _names(self) -> list[str] | Gap:
        if self._listed is None:
            try:
                self._listed = self._root.listdir(PATH)
            except OSError as error:
                self._listed = self._missing(gap_from(error, PATH))
        return self._listed

    def _missing(self, gap: Gap) -> Gap:
        """A container runtime masks /sys/firmware by an empty directory; no kernel leaves it so."""
        if gap.why is not Why.ABSENT:
            return gap
        try:
            hidden = not self._root.listdir(_FIRMWARE)
        except OSError:
            return gap
        return Gap(Why.DENIED, PATH, f"{_FIRMWARE} is empty: hidden here") if hidden else gap

    def _file(self, name: str) -> Reading[bytes]:
        path = f"{PATH}/{name}"
        source = self._root.source(path)
        try:
            raw = self._root.read(path, _LIMIT)
        except OSError as error:
            return gap_from(error, source)
        if not raw:  # a capture may list a table that its recorder did not read
            return Gap(Why.FAILED, source, "empty: recorded without its content")
        return Fact(raw, raw, source)
