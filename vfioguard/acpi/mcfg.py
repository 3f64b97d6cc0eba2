"""MCFG: where the configuration space of each PCI segment is (PCI Firmware 3.3 4.1.2)."""

from typing import NamedTuple

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.structure.layout import U8, U16, U32, U64, Bytes8, Layout, TableReader


class Allocation(NamedTuple):
    """The window of one segment's buses (table 4-3)."""

    offset: int
    base: U64
    segment: U16
    start_bus: U8
    end_bus: U8  # inclusive
    reserved: U32


class Fixed(NamedTuple):
    """What follows the header (table 4-2)."""

    reserved: Bytes8


class Mcfg(NamedTuple):
    """The whole table (table 4-2)."""

    header: Header
    reserved: bytes
    allocations: tuple[Allocation, ...]


_FIXED = Layout(Fixed)
_ALLOCATION = Layout(Allocation)


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Mcfg:
    start, size = 44, _ALLOCATION.size
    wanted, rest = divmod(reader.end - start, size)
    if rest:
        reader.note(reader.end - rest, f"{rest} bytes are no allocation")
    count = reader.count(start, reader.end, wanted, size)
    allocations = _ALLOCATION.many(reader.data, start, count)
    return Mcfg(header=head, reserved=fixed.reserved, allocations=allocations)


def parse(data: bytes) -> Parsed[Mcfg]:
    """The table, as far as it makes sense."""
    return parsed(data, "MCFG", _FIXED, _body)


TABLE = Table("MCFG", parse)
