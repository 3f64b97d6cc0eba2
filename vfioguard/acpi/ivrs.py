"""IVRS: AMD's IOMMUs, what they serve, and memory that stays mapped (AMD 48882 chapter 5.2)."""

from struct import Struct
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.parts.ivrs_entries import DeviceEntry, device_entries
from vfioguard.acpi.structure.layout import (
    U8,
    U16,
    U32,
    U64,
    Bytes6,
    Bytes8,
    Layout,
    TableReader,
    Unknown,
)


class Ivhd(NamedTuple):
    """One IOMMU and its devices (5.2.2.1). Types 10h, 11h and 40h may describe the same IOMMU."""

    offset: int
    type: U8
    flags: U8
    length: U16
    device_id: U16  # of the IOMMU itself
    capability_offset: U16
    base: U64
    segment: U16
    info: U16
    attributes: U32  # in type 10h the feature reporting field
    efr: int | None  # the extended feature register; type 10h has none
    efr2: int | None
    entries: tuple[DeviceEntry, ...]


class Ivmd(NamedTuple):
    """Reserved memory (5.2.2.2): type 20h for all devices, 21h for one, 22h for a range."""

    offset: int
    type: U8
    flags: U8
    length: U16
    device_id: U16
    auxiliary: U16  # in type 22h the last device
    segment: U16
    reserved: Bytes6
    start: U64
    memory_length: U64

    @property
    def unity(self) -> bool:
        """Whether the memory is mapped one to one for the device."""
        return bool(self.flags & 1)

    @property
    def readable(self) -> bool:
        """IR: whether the device may read the memory."""
        return bool(self.flags & 2)

    @property
    def writable(self) -> bool:
        """IW: whether the device may write the memory."""
        return bool(self.flags & 4)

    @property
    def exclusion(self) -> bool:
        """Whether accesses to the memory are not translated at all."""
        return bool(self.flags & 8)


Block: TypeAlias = Ivhd | Ivmd | Unknown


class Fixed(NamedTuple):
    """What follows the header (5.2.1)."""

    iv_info: U32
    reserved: Bytes8


class Efr(NamedTuple):
    """The fields before the device entries of types 11h and 40h (5.2.2.1)."""

    efr: U64
    efr2: U64


class Ivrs(NamedTuple):
    """The whole table (5.2.1)."""

    header: Header
    iv_info: int
    reserved: bytes
    blocks: tuple[Block, ...]


_FIXED = Layout(Fixed)
_HEAD = Struct("<BxH")
_IVHD = Layout(Ivhd)
_EFR = Layout(Efr)
_IVMD = Layout(Ivmd)


def _ivhd(reader: TableReader, kind: int, start: int, end: int) -> Ivhd | Unknown:
    """An IVHD; its device entries begin at byte 24 (type 10h) or 40 (types 11h and 40h)."""
    behind = start + _IVHD.size
    if kind == 0x10:
        entries = device_entries(reader, behind, end)
        return reader.structure(_IVHD, kind, start, end, None, None, entries)
    if end - start < _IVHD.size + _EFR.size:
        reader.note(start, f"an IVHD of type {kind:#x} needs 40 bytes and has {end - start}")
        return reader.unknown(kind, start, end)
    features = _EFR.read(reader.data, behind, end)
    entries = device_entries(reader, behind + _EFR.size, end)
    return reader.structure(_IVHD, kind, start, end, features.efr, features.efr2, entries)


def _block(reader: TableReader, kind: int, start: int, end: int) -> Block:
    match kind:
        case 0x10 | 0x11 | 0x40:
            return _ivhd(reader, kind, start, end)
        case 0x20 | 0x21 | 0x22:
            return reader.structure(_IVMD, kind, start, end)
        case _:
            return reader.unknown(kind, start, end)


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Ivrs:
    blocks = reader.walk(48, reader.end, _HEAD, "IVRS block")
    return Ivrs(
        header=head,
        iv_info=fixed.iv_info,
        reserved=fixed.reserved,
        blocks=tuple(_block(reader, kind, start, end) for kind, start, end in blocks),
    )


def kernel_ivhd_type(blocks: tuple[Block, ...]) -> int | None:
    """The one IVHD type that Linux uses. Returns None if there is no block.

    drivers/iommu/amd/init.c get_highest_supported_ivhd_type() looks at the blocks before the first
    type above 40h. Among those that have the first block's device id it takes the last one's type.
    It does not check that a block is an IVHD, so this function does not either.
    """
    if not blocks:
        return None
    chosen, first = blocks[0].type, _device_id(blocks[0])
    for block in blocks:
        if block.type > 0x40:
            break
        if _device_id(block) == first:
            chosen = block.type
    return chosen


def _device_id(block: Block) -> int:
    """Bytes 4 and 5 of any block."""
    if isinstance(block, Unknown):
        return int.from_bytes(block.raw[4:6], "little")
    return block.device_id


def parse(data: bytes) -> Parsed[Ivrs]:
    """The table, as far as it makes sense."""
    return parsed(data, "IVRS", _FIXED, _body)


TABLE = Table("IVRS", parse)
