"""What each type of IORT node says about itself (Arm DEN0049E 3.1.1)."""

from struct import Struct
from typing import NamedTuple, TypeAlias, TypeVar

from vfioguard.acpi.structure.layout import (
    U8,
    U16,
    U32,
    U64,
    BadTable,
    Later8,
    Later16,
    Later32,
    Later64,
    Layout,
    TableReader,
    text,
)

T = TypeVar("T")


class Unparsed(NamedTuple):
    """The bytes after a node's head. The node is too short, or its type is not known here."""

    raw: bytes


class ItsGroup(NamedTuple):
    """Type 0: ITSs by the MADT's translation id (3.1.1.1)."""

    its_count: U32
    its_ids: tuple[int, ...]


class NamedComponent(NamedTuple):
    """Type 1: a platform device (3.1.1.2)."""

    node_flags: U32
    cache_coherency: U32
    hints: U8
    reserved: U16
    memory_flags: U8
    memory_size_limit: U8
    name: str


class RootComplex(NamedTuple):
    """Type 2: a PCI segment (3.1.1.3)."""

    cache_coherency: U32
    hints: U8
    reserved: U16
    memory_flags: U8
    ats_attribute: U32
    segment: U32
    memory_size_limit: Later8  # revision 1
    pasid_capabilities: Later16  # revision 3
    reserved2: Later8
    flags: Later32  # revision 4


class Smmu(NamedTuple):
    """Type 3: SMMUv1 or v2 (3.1.1.4); interrupts are pairs of GSIV and flags."""

    base: U64
    span: U64
    model: U32
    flags: U32
    global_interrupt_offset: U32
    context_interrupt_count: U32
    context_interrupt_offset: U32
    pmu_interrupt_count: U32
    pmu_interrupt_offset: U32
    global_interrupts: tuple[tuple[int, int], ...]
    context_interrupts: tuple[tuple[int, int], ...]
    pmu_interrupts: tuple[tuple[int, int], ...]


class SmmuV3(NamedTuple):
    """Type 4: SMMUv3 (3.1.1.5)."""

    base: U64
    flags: U32
    reserved: U32
    vatos_base: U64
    model: U32  # 1: HiSilicon Hi161x
    event_gsiv: U32
    pri_gsiv: U32
    gerr_gsiv: U32
    sync_gsiv: U32
    proximity_domain: Later32
    device_id_mapping_index: Later32  # of its own MSIs, from revision 1


class Pmcg(NamedTuple):
    """Type 5: a performance monitor (3.1.1.6)."""

    page0_base: U64
    overflow_gsiv: U32
    node_reference: U32
    page1_base: Later64  # revision 1


class MemoryRange(NamedTuple):
    """A reserved range (3.1.1.7)."""

    base: U64
    length: U64
    reserved: U32


class Rmr(NamedTuple):
    """Type 6: memory that a device goes on using (3.1.1.7)."""

    flags: U32
    range_count: U32
    range_offset: U32
    ranges: tuple[MemoryRange, ...]

    @property
    def remap_permitted(self) -> bool:
        """Whether the memory may be mapped elsewhere than one to one."""
        return bool(self.flags & 1)


class Iwb(NamedTuple):
    """Type 7: a GICv5 interrupt wire bridge (3.1.1.8)."""

    base: U64
    iwb_index: U16
    name: str


Body: TypeAlias = (
    ItsGroup | NamedComponent | RootComplex | Smmu | SmmuV3 | Pmcg | Rmr | Iwb | Unparsed
)

_ITS = Layout(ItsGroup)
_COMPONENT = Layout(NamedComponent)
_ROOT_COMPLEX = Layout(RootComplex)
_SMMU = Layout(Smmu)
_SMMU_V3 = Layout(SmmuV3)
_PMCG = Layout(Pmcg)
_RMR = Layout(Rmr)
_RANGE = Layout(MemoryRange)
_IWB = Layout(Iwb)
_WORD = Struct("<I")
_PAIR = Struct("<II")
#: Bytes of a node's head, which iort.py reads.
_HEAD_SIZE = 16


def _its(reader: TableReader, start: int, end: int) -> ItsGroup:
    (wanted,) = _WORD.unpack_from(reader.data, start) if end - start >= _WORD.size else (0,)
    count = reader.count(start + _ITS.size, end, wanted, _WORD.size)
    ids = [_WORD.unpack_from(reader.data, start + 4 + 4 * n)[0] for n in range(count)]
    return _ITS.read(reader.data, start, end, tuple(ids))


def _pairs(reader: TableReader, start: int, end: int, wanted: int) -> tuple[tuple[int, int], ...]:
    count = reader.count(start, end, wanted, _PAIR.size)
    return tuple(_PAIR.iter_unpack(reader.data[start : start + count * _PAIR.size]))


def _smmu(reader: TableReader, start: int, end: int) -> Smmu:
    bare = _SMMU.read(reader.data, start, end, (), (), ())
    node = start - _HEAD_SIZE
    both = 2 if bare.global_interrupt_offset else 0
    return bare._replace(
        global_interrupts=_pairs(reader, node + bare.global_interrupt_offset, end, both),
        context_interrupts=_pairs(
            reader, node + bare.context_interrupt_offset, end, bare.context_interrupt_count
        ),
        pmu_interrupts=_pairs(
            reader, node + bare.pmu_interrupt_offset, end, bare.pmu_interrupt_count
        ),
    )


def _rmr(reader: TableReader, start: int, end: int) -> Rmr:
    bare = _RMR.read(reader.data, start, end, ())
    first = start - _HEAD_SIZE + bare.range_offset
    count = reader.count(first, end, bare.range_count, _RANGE.size)
    offsets = range(first, first + count * _RANGE.size, _RANGE.size)
    return bare._replace(ranges=tuple(_RANGE.read(reader.data, offset, end) for offset in offsets))


def _name(reader: TableReader, start: int, limit: int) -> str:
    """The name at `start`, which ends at its NUL or at `limit`, where the mappings begin."""
    return text(reader.data[start : max(start, limit)])


def body(reader: TableReader, kind: int, node: int, end: int, limit: int) -> Body:
    """The body of the node at offset `node`, whose mappings begin at `limit`.

    Returns `Unparsed` and notes why if the body is too short.
    """
    start = node + _HEAD_SIZE
    reader.left -= 2  # a node is a head and a body
    try:
        return _known(reader, kind, start, end, limit)
    except BadTable as bad:
        reader.note(bad.offset, bad.why)
        return Unparsed(reader.data[start:end])


def _known(reader: TableReader, kind: int, start: int, end: int, limit: int) -> Body:
    match kind:
        case 0:
            return _its(reader, start, end)
        case 1:
            name = _name(reader, start + _COMPONENT.size, limit)
            return _COMPONENT.read(reader.data, start, end, name)
        case 2:
            return _revised(_ROOT_COMPLEX, reader, start, end, limit)
        case 3:
            return _smmu(reader, start, end)
        case 4:
            return _revised(_SMMU_V3, reader, start, end, limit)
        case 5:
            return _revised(_PMCG, reader, start, end, limit)
        case 6:
            return _rmr(reader, start, end)
        case 7:
            return _IWB.read(reader.data, start, end, _name(reader, start + _IWB.size, limit))
        case _:
            return Unparsed(reader.data[start:end])


def _revised(layout: Layout[T], reader: TableReader, start: int, end: int, limit: int) -> T:
    """A structure with later fields; only those that end before the mappings at `limit` count."""
    return layout.read(reader.data, start, max(limit, min(start + layout.least, end)))
