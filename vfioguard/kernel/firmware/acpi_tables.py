"""/sys/firmware/acpi/tables: firmware tables, one file each, which only root can read.

Documentation/ABI/testing/sysfs-firmware-acpi. A table that may not be read is a gap, never "no
table". If a container runtime hides /sys/firmware, every table is such a gap.
"""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from
from vfioguard.root import ACPI_TABLES, Root
from vfioguard.typed import NamedTuple

PATH = ACPI_TABLES
_FIRMWARE = "/sys/firmware"
_LIMIT = 4 << 20


class AcpiTables(NamedTuple):
    """The bytes of the tables, unparsed: most commands need none of them.

    The first four bear on interrupts. The others describe virtio's IOMMUs, PCI segments and
    RISC-V's IOMMUs; no verdict rests on them.
    """

    dmar: Reading[bytes]
    ivrs: Reading[bytes]
    madt: Reading[bytes]
    iort: Reading[bytes]
    viot: Reading[bytes]
    mcfg: Reading[bytes]
    rimt: Reading[bytes]

    def by_name(self) -> Iterable[tuple[str, Reading[bytes]]]:
        """Each table with the name of its field, in the order of the fields."""
        return self._asdict().items()


#: The tables' files, in the order of the fields. The MADT's file is called APIC.
FILES = ("DMAR", "IVRS", "APIC", "IORT", "VIOT", "MCFG", "RIMT")


def read(root: Root) -> AcpiTables:
    """The tables of the running host."""
    table = _Directory(root).table
    return AcpiTables(
        dmar=table("DMAR"),
        ivrs=table("IVRS"),
        madt=table("APIC"),
        iort=table("IORT"),
        viot=table("VIOT"),
        mcfg=table("MCFG"),
        rimt=table("RIMT"),
    )


def devicetree_boot(tables: AcpiTables) -> bool:
    """Whether the host booted without ACPI. A host with a device tree and ACPI booted with ACPI."""
    madt = tables.madt
    return isinstance(madt, Gap) and madt.why is Why.ABSENT and madt.source == PATH


def state(reading: Reading[bytes]) -> str:
    """One word: present, absent, denied, failed, or hidden (by a container runtime)."""
    if isinstance(reading, Fact):
        return "present"
    hidden = reading.why is Why.DENIED and reading.source == PATH
    return "hidden" if hidden else str(reading.why)


class _Directory:
    """The directory of the tables. It is listed only if a table is missing, and only once."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._listed: list[str] | Gap | None = None

    def table(self, signature: str) -> Reading[bytes]:
        """The table. If several share the signature, the first, which the kernel takes as well.

        The kernel then numbers all of them (APIC1, APIC2): drivers/acpi/sysfs.c
        acpi_table_attr_init().
        """
        table = self._file(signature)
        if isinstance(table, Fact) or table.why is not Why.ABSENT:
            return table
        visible = self._names()
        if isinstance(visible, Gap):
            return visible
        if f"{signature}1" in visible:
            return self._file(f"{signature}1")
        if visible:  # other tables can be seen, so this one is really absent
            return table
        return Gap(Why.DENIED, PATH, "empty: /sys/firmware is hidden here")

    def _names(self) -> list[str] | Gap:
        if self._listed is None:
            try:
                self._listed = self._root.listdir(PATH)
            except OSError as error:
                self._listed = self._missing(gap_from(error, PATH))
        return self._listed

    def _missing(self, gap: Gap) -> Gap:
        """Say "hidden" if /sys/firmware is empty: container runtimes mask it so, no kernel does."""
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
        if not raw:  # a capture may have a table's name without its content
            return Gap(Why.FAILED, source, "empty: recorded without its content")
        return Fact(raw, raw, source)
