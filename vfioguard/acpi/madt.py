"""MADT, signature APIC: the interrupt controllers (ACPI 6.5 5.2.12)."""

from struct import Struct
from typing import NamedTuple, TypeAlias, cast

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.parts.madt_arm import (
    Gicc,
    Gicd,
    GicIts,
    GicMsiFrame,
    Gicr,
    GicV5Irs,
    GicV5Its,
    GicV5ItsTranslate,
)
from vfioguard.acpi.parts.madt_riscv import Aplic, Imsic, Plic, Rintc
from vfioguard.acpi.structure.layout import U8, U16, U32, U64, Bytes3, Layout, TableReader, Unknown


class LocalApic(NamedTuple):
    """A processor (5.2.12.2)."""

    offset: int
    type: U8
    length: U8
    processor_uid: U8
    apic_id: U8
    flags: U32

    @property
    def enabled(self) -> bool:
        """Whether the processor can be used now."""
        return bool(self.flags & 1)


class IoApic(NamedTuple):
    """An I/O APIC (5.2.12.3)."""

    offset: int
    type: U8
    length: U8
    io_apic_id: U8
    reserved: U8
    address: U32
    gsi_base: U32


class SourceOverride(NamedTuple):
    """An ISA interrupt that arrives elsewhere (5.2.12.5)."""

    offset: int
    type: U8
    length: U8
    bus: U8
    source: U8
    gsi: U32
    flags: U16


class LocalApicNmi(NamedTuple):
    """The pin that a processor's NMI is wired to (5.2.12.7)."""

    offset: int
    type: U8
    length: U8
    processor_uid: U8
    flags: U16
    lint: U8


class LocalApicAddress(NamedTuple):
    """The 64-bit address of the local APICs (5.2.12.8)."""

    offset: int
    type: U8
    length: U8
    reserved: U16
    address: U64


class LocalX2Apic(NamedTuple):
    """A processor whose APIC id needs more than eight bits (5.2.12.12)."""

    offset: int
    type: U8
    length: U8
    reserved: U16
    x2apic_id: U32
    flags: U32
    processor_uid: U32

    @property
    def enabled(self) -> bool:
        """Whether the processor can be used now."""
        return bool(self.flags & 1)


class LocalX2ApicNmi(NamedTuple):
    """The pin that a processor's NMI is wired to (5.2.12.13)."""

    offset: int
    type: U8
    length: U8
    flags: U16
    processor_uid: U32
    lint: U8
    reserved: Bytes3


Entry: TypeAlias = (
    LocalApic
    | IoApic
    | SourceOverride
    | LocalApicNmi
    | LocalApicAddress
    | LocalX2Apic
    | LocalX2ApicNmi
    | Gicc
    | Gicd
    | GicMsiFrame
    | Gicr
    | GicIts
    | Rintc
    | Imsic
    | Aplic
    | Plic
    | GicV5Irs
    | GicV5Its
    | GicV5ItsTranslate
    | Unknown
)

#: The types that are parsed (table 5.21); the others stay `Unknown`.
_KNOWN: dict[int, Layout[Entry]] = {
    kind: Layout(cast("type[Entry]", value))
    for kind, value in (
        (0x00, LocalApic),
        (0x01, IoApic),
        (0x02, SourceOverride),
        (0x04, LocalApicNmi),
        (0x05, LocalApicAddress),
        (0x09, LocalX2Apic),
        (0x0A, LocalX2ApicNmi),
        (0x0B, Gicc),
        (0x0C, Gicd),
        (0x0D, GicMsiFrame),
        (0x0E, Gicr),
        (0x0F, GicIts),
        (0x18, Rintc),
        (0x19, Imsic),
        (0x1A, Aplic),
        (0x1B, Plic),
        (0x1C, GicV5Irs),
        (0x1D, GicV5Its),
        (0x1E, GicV5ItsTranslate),
    )
}


class Fixed(NamedTuple):
    """The fixed part (table 5.19)."""

    local_apic_address: U32
    flags: U32


class Madt(NamedTuple):
    """The whole table (table 5.19)."""

    header: Header
    local_apic_address: int
    flags: int
    entries: tuple[Entry, ...]


_FIXED = Layout(Fixed)
_HEAD = Struct("<BB")


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Madt:
    entries: list[Entry] = []
    for kind, start, end in reader.walk(44, reader.end, _HEAD, "interrupt controller structure"):
        layout = _KNOWN.get(kind)
        entries.append(
            reader.structure(layout, kind, start, end)
            if layout
            else reader.unknown(kind, start, end)
        )
    return Madt(
        header=head,
        local_apic_address=fixed.local_apic_address,
        flags=fixed.flags,
        entries=tuple(entries),
    )


def parse(data: bytes) -> Parsed[Madt]:
    """The table, as far as it makes sense."""
    return parsed(data, "APIC", _FIXED, _body)


TABLE = Table("APIC", parse)
