"""DMAR: Intel's DMA and interrupt remapping (VT-d 5.0 chapter 8)."""

from struct import Struct
from typing import NamedTuple, TypeAlias, TypeVar

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.structure.layout import (
    U8,
    U16,
    U32,
    U64,
    Bytes3,
    Bytes10,
    Layout,
    TableReader,
    Unknown,
    text,
)

T = TypeVar("T")


class Scope(NamedTuple):
    """A device scope (8.3.1).

    Types: 1 endpoint, 2 bridge and all below it, 3 IO-APIC, 4 HPET, 5 device that ACPI names.
    """

    offset: int
    type: U8
    length: U8
    flags: U8
    reserved: U8
    enumeration_id: U8  # an IO-APIC's id in the MADT
    start_bus: U8
    path: tuple[tuple[int, int], ...]  # device and function, bridge by bridge


class Drhd(NamedTuple):
    """A remapping hardware unit (8.3)."""

    offset: int
    type: U16
    length: U16
    flags: U8
    size: U8  # 2^N pages of registers
    segment: U16
    base: U64
    scopes: tuple[Scope | Unknown, ...]

    @property
    def include_all(self) -> bool:
        """INCLUDE_PCI_ALL: the unit serves each device of its segment that no other unit names."""
        return bool(self.flags & 1)


class Rmrr(NamedTuple):
    """Reserved memory: devices that the firmware set up go on using it (8.4)."""

    offset: int
    type: U16
    length: U16
    reserved: U16
    segment: U16
    base: U64
    limit: U64  # the last byte
    scopes: tuple[Scope | Unknown, ...]


class Atsr(NamedTuple):
    """Root ports that support ATS (8.5)."""

    offset: int
    type: U16
    length: U16
    flags: U8
    reserved: U8
    segment: U16
    scopes: tuple[Scope | Unknown, ...]


class Rhsa(NamedTuple):
    """The NUMA node of a unit (8.6)."""

    offset: int
    type: U16
    length: U16
    reserved: U32
    base: U64
    proximity_domain: U32


class Andd(NamedTuple):
    """The ACPI name behind an enumeration id (8.7)."""

    offset: int
    type: U16
    length: U16
    reserved: Bytes3
    device_number: U8
    name: str


class Satc(NamedTuple):
    """Integrated devices with an address translation cache (8.8)."""

    offset: int
    type: U16
    length: U16
    flags: U8
    reserved: U8
    segment: U16
    scopes: tuple[Scope | Unknown, ...]


class Sidp(NamedTuple):
    """Integrated devices with properties of their own (8.9)."""

    offset: int
    type: U16
    length: U16
    reserved: U16
    segment: U16
    scopes: tuple[Scope | Unknown, ...]


Unit: TypeAlias = Drhd | Rmrr | Atsr | Rhsa | Andd | Satc | Sidp | Unknown


class Fixed(NamedTuple):
    """The fixed part (8.1)."""

    host_address_width: U8  # minus one
    flags: U8
    reserved: Bytes10


class Dmar(NamedTuple):
    """The whole table (8.1)."""

    header: Header
    host_address_width: int
    flags: int
    reserved: bytes
    units: tuple[Unit, ...]

    @property
    def intr_remap(self) -> bool:
        """INTR_REMAP: the platform supports interrupt remapping."""
        return bool(self.flags & 1)


_FIXED = Layout(Fixed)
_HEAD = Struct("<HH")
_SCOPE_HEAD = Struct("<BB")
_SCOPE = Layout(Scope)
_DRHD = Layout(Drhd)
_RMRR = Layout(Rmrr)
_ATSR = Layout(Atsr)
_RHSA = Layout(Rhsa)
_ANDD = Layout(Andd)
_SATC = Layout(Satc)
_SIDP = Layout(Sidp)


def _scopes(reader: TableReader, start: int, stop: int) -> tuple[Scope | Unknown, ...]:
    """The device scopes that fill a structure from `start` to `stop`."""
    scopes: list[Scope | Unknown] = []
    for kind, scope, end in reader.walk(start, stop, _SCOPE_HEAD, "device scope"):
        # The kernel ignores an odd last byte too: drivers/iommu/intel/dmar.c divides by two.
        hops = reader.spend(scope, max(end - scope - _SCOPE.size, 0) // 2)
        path = reader.data[scope + _SCOPE.size : scope + _SCOPE.size + 2 * hops]
        pairs = tuple(zip(path[::2], path[1::2], strict=True))
        scopes.append(reader.structure(_SCOPE, kind, scope, end, pairs))
    return tuple(scopes)


def _unit(reader: TableReader, kind: int, start: int, end: int) -> Unit:
    def scoped(layout: Layout[T]) -> T | Unknown:
        scopes = _scopes(reader, start + layout.size, end)
        return reader.structure(layout, kind, start, end, scopes)

    match kind:
        case 0:
            return scoped(_DRHD)
        case 1:
            return scoped(_RMRR)
        case 2:
            return scoped(_ATSR)
        case 3:
            return reader.structure(_RHSA, kind, start, end)
        case 4:
            name = text(reader.data[start + _ANDD.size : end])
            return reader.structure(_ANDD, kind, start, end, name)
        case 5:
            return scoped(_SATC)
        case 6:
            return scoped(_SIDP)
        case _:
            return reader.unknown(kind, start, end)


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Dmar:
    whole, last = reader.broken is None, 48
    units: list[Unit] = []
    for kind, start, end in reader.walk(48, reader.end, _HEAD, "remapping structure"):
        units.append(_unit(reader, kind, start, end))
        last = end
    # Zeros may fill the rest: the kernel ends there as well (dmar_walk_remapping_entries()).
    padded = not reader.data[last : reader.end].strip(b"\0")
    if whole and padded and reader.broken and reader.broken.offset == last:
        reader.broken = None
    return Dmar(
        header=head,
        host_address_width=fixed.host_address_width,
        flags=fixed.flags,
        reserved=fixed.reserved,
        units=tuple(units),
    )


def parse(data: bytes) -> Parsed[Dmar]:
    """The table, as far as it makes sense."""
    return parsed(data, "DMAR", _FIXED, _body)


TABLE = Table("DMAR", parse)
