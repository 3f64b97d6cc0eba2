"""DMAR: Intel's DMA and interrupt remapping (VT-d 5.0 chapter 8)."""

from struct import Struct
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.layout import (
    U8,
    U16,
    U32,
    U64,
    Bytes3,
    Bytes10,
    Layout,
    Reader,
    Unknown,
    text,
)


class Scope(NamedTuple):
    """A device scope (8.3.1): 1 endpoint, 2 bridge with all below, 3 IO-APIC, 4 HPET, 5 ACPI."""

    offset: int
    type: U8
    length: U8
    flags: U8
    reserved: U8
    enumeration_id: U8  # of an IO-APIC: its id in the MADT
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
        """INCLUDE_PCI_ALL: every device of the segment that no other unit names."""
        return bool(self.flags & 1)


class Rmrr(NamedTuple):
    """Memory that the firmware's devices go on using (8.4)."""

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

    @property
    def all_ports(self) -> bool:
        """ALL_PORTS: every root port of the segment."""
        return bool(self.flags & 1)


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

    @property
    def atc_required(self) -> bool:
        """ATC_REQUIRED: the devices do not work without ATS."""
        return bool(self.flags & 1)


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

    @property
    def x2apic_opt_out(self) -> bool:
        """X2APIC_OPT_OUT: the firmware asks to stay out of x2APIC mode."""
        return bool(self.flags & 2)

    @property
    def dma_ctrl_platform_opt_in(self) -> bool:
        """DMA_CTRL_PLATFORM_OPT_IN_FLAG: the firmware asks for DMA remapping."""
        return bool(self.flags & 4)

    @property
    def dmar_remap_opt_out(self) -> bool:
        """Bit 3, which Linux reads from v7.3: the firmware asks to leave DMA remapping off."""
        return bool(self.flags & 8)


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


def _scopes(reader: Reader, start: int, stop: int) -> tuple[Scope | Unknown, ...]:
    """The device scopes that fill the rest of a structure."""
    found: list[Scope | Unknown] = []
    for kind, at, end in reader.walk(start, stop, _SCOPE_HEAD, "device scope"):
        # An odd last byte is no hop: drivers/iommu/intel/dmar.c divides by two as well.
        hops = reader.spend(at, max(end - at - _SCOPE.size, 0) // 2)
        path = reader.data[at + _SCOPE.size : at + _SCOPE.size + 2 * hops]
        hop = tuple(zip(path[::2], path[1::2], strict=True))
        found.append(reader.one(_SCOPE, kind, at, end, hop))
    return tuple(found)


def _unit(reader: Reader, kind: int, at: int, end: int) -> Unit:
    match kind:
        case 0:
            return reader.one(_DRHD, kind, at, end, _scopes(reader, at + _DRHD.size, end))
        case 1:
            return reader.one(_RMRR, kind, at, end, _scopes(reader, at + _RMRR.size, end))
        case 2:
            return reader.one(_ATSR, kind, at, end, _scopes(reader, at + _ATSR.size, end))
        case 3:
            return reader.one(_RHSA, kind, at, end)
        case 4:
            return reader.one(_ANDD, kind, at, end, text(reader.data[at + _ANDD.size : end]))
        case 5:
            return reader.one(_SATC, kind, at, end, _scopes(reader, at + _SATC.size, end))
        case 6:
            return reader.one(_SIDP, kind, at, end, _scopes(reader, at + _SIDP.size, end))
        case _:
            return reader.unknown(kind, at, end)


def _body(reader: Reader, head: Header, fixed: Fixed) -> Dmar:
    whole, last = reader.broken is None, 48
    units: list[Unit] = []
    for kind, at, end in reader.walk(48, reader.end, _HEAD, "remapping structure"):
        units.append(_unit(reader, kind, at, end))
        last = end
    # Zeros may fill the rest: the kernel ends there as well (dmar_walk_remapping_entries()).
    padded = not reader.data[last : reader.end].strip(b"\0")
    if whole and padded and reader.broken and reader.broken.offset == last:
        reader.broken = None
    return Dmar(head, *fixed, tuple(units))


def parse(data: bytes) -> Parsed[Dmar]:
    """The table, as far as it makes sense."""
    return parsed(data, "DMAR", _FIXED, _body)


TABLE = Table("DMAR", parse)
