"""IVRS: AMD's IOMMUs, what they serve, and memory that stays mapped (AMD 48882 chapter 5.2)."""

from struct import Struct
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi._ivrs_entries import DeviceEntry, device_entries
from vfioguard.acpi.layout import U8, U16, U32, U64, Bytes6, Bytes8, Layout, Reader, Unknown


class Ivhd(NamedTuple):
    """One IOMMU and its devices: types 10h, 11h and 40h, which may repeat each other (5.2.2.1)."""

    offset: int
    type: U8
    flags: U8
    length: U16
    device_id: U16  # of the IOMMU itself
    capability_offset: U16
    base: U64
    segment: U16
    info: U16
    attributes: U32  # of type 10h: the feature reporting field
    efr: int | None  # the extended feature register; type 10h has none
    efr2: int | None
    entries: tuple[DeviceEntry, ...]


class Ivmd(NamedTuple):
    """Memory: type 20h for all devices, 21h for one, 22h for a range (5.2.2.2)."""

    offset: int
    type: U8
    flags: U8
    length: U16
    device_id: U16
    auxiliary: U16  # of type 22h: the last device
    segment: U16
    reserved: Bytes6
    start: U64
    memory_length: U64

    @property
    def unity(self) -> bool:
        """Mapped one to one for the device."""
        return bool(self.flags & 1)

    @property
    def readable(self) -> bool:
        """IR: the device may read it."""
        return bool(self.flags & 2)

    @property
    def writable(self) -> bool:
        """IW: the device may write it."""
        return bool(self.flags & 4)

    @property
    def exclusion(self) -> bool:
        """Not translated at all."""
        return bool(self.flags & 8)


Block: TypeAlias = Ivhd | Ivmd | Unknown


class Fixed(NamedTuple):
    """What follows the header (5.2.1)."""

    iv_info: U32
    reserved: Bytes8


class Efr(NamedTuple):
    """What types 11h and 40h have before their device entries (5.2.2.1)."""

    efr: U64
    efr2: U64


class Ivrs(NamedTuple):
    """The whole table (5.2.1)."""

    header: Header
    iv_info: int
    reserved: bytes
    blocks: tuple[Block, ...]

    @property
    def dma_remap_at_boot(self) -> bool:
        """Bit 1 of IVinfo, DMA_remap support: the firmware asks for DMA protection from boot on."""
        return bool(self.iv_info & 2)


_FIXED = Layout(Fixed)
_HEAD = Struct("<BxH")
_IVHD = Layout(Ivhd)
_EFR = Layout(Efr)
_IVMD = Layout(Ivmd)


def _ivhd(reader: Reader, kind: int, at: int, end: int) -> Ivhd | Unknown:
    """A block whose entries begin at 24 (type 10h) or 40."""
    entries = at + _IVHD.size
    if kind == 0x10:
        found = device_entries(reader, entries, end)
        return reader.one(_IVHD, kind, at, end, None, None, found)
    if end - at < _IVHD.size + _EFR.size:
        reader.note(at, f"an IVHD of type {kind:#x} needs 40 bytes and has {end - at}")
        return reader.unknown(kind, at, end)
    efr = _EFR.read(reader.data, entries, end)
    found = device_entries(reader, entries + _EFR.size, end)
    return reader.one(_IVHD, kind, at, end, *efr, found)


def _block(reader: Reader, kind: int, at: int, end: int) -> Block:
    match kind:
        case 0x10 | 0x11 | 0x40:
            return _ivhd(reader, kind, at, end)
        case 0x20 | 0x21 | 0x22:
            return reader.one(_IVMD, kind, at, end)
        case _:
            return reader.unknown(kind, at, end)


def _body(reader: Reader, head: Header, fixed: Fixed) -> Ivrs:
    walk = reader.walk(48, reader.end, _HEAD, "IVRS block")
    return Ivrs(head, *fixed, tuple(_block(reader, *found) for found in walk))


def kernel_ivhd_type(blocks: tuple[Block, ...]) -> int | None:
    """The one block type that Linux uses; None without a block.

    drivers/iommu/amd/init.c get_highest_supported_ivhd_type(): the last type of those with the
    first block's device id, up to the first type above 40h. It does not ask whether a block is an
    IVHD, and neither does this.
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
