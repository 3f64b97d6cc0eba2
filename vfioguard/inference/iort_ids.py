"""Following an id through an IORT: drivers/acpi/arm64/iort.c iort_node_map_id(), iort_id_map()."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from heapq import heappop, heappush

from vfioguard.acpi import iort
from vfioguard.acpi.parts.iort_bodies import (
    Body,
    ItsGroup,
    NamedComponent,
    RootComplex,
    Smmu,
    SmmuV3,
)
from vfioguard.fact import Fact
from vfioguard.inference import tables
from vfioguard.typed import NamedTuple

_SINGLE = 1
_U32 = 0xFFFFFFFF
_MAX_STEPS = 64
#: From node revision 5 a flag says whether an SMMUv3's mapping index is meant (IORT E.e).
_VALID_BIT_SINCE = 5
_DEVICE_ID_VALID = 1 << 4

#: The kinds of node to which an id may be followed.
MSI: tuple[type[Body], ...] = (ItsGroup,)
IOMMU: tuple[type[Body], ...] = (Smmu, SmmuV3)


class Reached(NamedTuple):
    """A node that an id reaches, and the id that arrives there."""

    node: iort.Node
    id: int


class Nodes:
    """The nodes of a table by their offset, and the ways of ids through them."""

    def __init__(self, table: iort.Iort) -> None:
        self.by_offset = table.by_offset()
        self._complexes: dict[int, iort.Node] = {}
        for node in self.by_offset.values():
            if isinstance(node.body, RootComplex):
                self._complexes.setdefault(node.body.segment, node)
        self._ways: dict[int, _Ways] = {}

    def root_complex(self, segment: int | None) -> iort.Node | None:
        """The first root complex of a PCI segment."""
        return None if segment is None else self._complexes.get(segment)

    def follow(
        self, node: iort.Node | None, number: int, kinds: tuple[type[Body], ...]
    ) -> Reached | None:
        """The first node of one of `kinds` that the id `number` reaches from `node`, or None."""
        for _ in range(_MAX_STEPS):  # references may form a circle
            if node is None:
                return None
            if isinstance(node.body, kinds):
                return Reached(node, number)
            ways = self._ways.get(node.offset)
            if ways is None:
                ways = self._ways[node.offset] = _Ways(node)
            step = ways.step(number)
            if step is None:
                return None
            number, reference = step
            node = self.by_offset.get(reference)
        return None


@lru_cache(maxsize=4)
def _nodes(raw: bytes) -> Nodes:
    table = tables.iort(Fact(raw, raw, ""))
    assert isinstance(table, Fact), "it was parsed before"
    return Nodes(table.value)


def nodes(table: Fact[iort.Iort]) -> Nodes:
    """The nodes of a table, made once for the same bytes."""
    return _nodes(table.raw)


class _Ways:
    """The mappings of one node, indexed so that no id needs a look at all of them."""

    def __init__(self, node: iort.Node) -> None:
        # If the first output is 0, the kernel speaks of a firmware bug and follows no mapping.
        whole = bool(node.mappings) and bool(node.mappings[0].output_reference)
        own, origin = _own_mapping(node), isinstance(node.body, RootComplex | NamedComponent)
        self._ranges: list[iort.Mapping] = []
        self._single: tuple[int, int] | None = None
        for index, mapping in enumerate(node.mappings if whole else ()):
            if index == own:
                continue
            if not mapping.flags & _SINGLE:
                self._ranges.append(mapping)
            elif origin:  # takes every id that is in no range before it
                self._single = mapping.output_base, mapping.output_reference
                break
        self._begins: dict[int, list[int]] = {}
        for place, mapping in enumerate(self._ranges):
            if mapping.input_base <= _last(mapping):
                self._begins.setdefault(mapping.input_base, []).append(place)
        self._starts, self._firsts = _pieces(self._ranges)

    def step(self, rid: int) -> tuple[int, int] | None:
        """The output id and reference of the mapping that holds `rid`, or None.

        A hit on the inclusive end of a range is provisional: a later range that begins there wins,
        because some firmware counts one too many.
        """
        piece = bisect_right(self._starts, rid) - 1
        place = self._firsts[piece] if piece >= 0 else None
        if place is None:
            return self._single
        mapping = self._ranges[place]
        if mapping.id_count and rid == _last(mapping):
            later = next((index for index in self._begins.get(rid, ()) if index > place), None)
            if later is None and self._single is not None:
                return self._single
            mapping = mapping if later is None else self._ranges[later]
        output = (mapping.output_base + rid - mapping.input_base) & _U32
        return output, mapping.output_reference


def _last(mapping: iort.Mapping) -> int:
    return (mapping.input_base + mapping.id_count) & _U32


def _pieces(ranges: list[iort.Mapping]) -> tuple[list[int], list[int | None]]:
    """Cut the ids into pieces: where each begins, and the first range that holds all of it."""
    begins = sorted(
        (mapping.input_base, place)
        for place, mapping in enumerate(ranges)
        if mapping.input_base <= _last(mapping)
    )
    starts = sorted(
        {begin for begin, _ in begins} | {_last(ranges[place]) + 1 for _, place in begins}
    )
    firsts: list[int | None] = []
    holding: list[int] = []
    waiting = begins[::-1]
    for start in starts:
        while waiting and waiting[-1][0] <= start:
            heappush(holding, waiting.pop()[1])
        while holding and _last(ranges[holding[0]]) < start:
            heappop(holding)
        firsts.append(holding[0] if holding else None)
    return starts, firsts


def _own_mapping(node: iort.Node) -> int | None:
    """The index of the mapping for the SMMU's own interrupts: iort_get_id_mapping_index()."""
    smmu = node.body
    if not isinstance(smmu, SmmuV3) or node.revision < 1:
        return None
    if node.revision < _VALID_BIT_SINCE:
        wired = smmu.event_gsiv and smmu.pri_gsiv and smmu.gerr_gsiv and smmu.sync_gsiv
        return None if wired else smmu.device_id_mapping_index
    return smmu.device_id_mapping_index if smmu.flags & _DEVICE_ID_VALID else None
