"""RMR nodes and their devices (Arm DEN0049E.d 3.1.1.7): by stream ids, back through the mappings.

drivers/acpi/arm64/iort.c iort_node_get_rmr_info(), iort_get_rmrs() (v6.0). Linux also wants the
firmware's bus numbers to be preserved (_DSM 5). No file shows whether they are, but the group's
reserved regions show the outcome.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from vfioguard.acpi.iort import Iort, Node
from vfioguard.acpi.iort import Mapping as IdMapping
from vfioguard.acpi.parts.iort_bodies import NamedComponent, Rmr
from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import functions, iort_ids
from vfioguard.inference.functions import Function, Index
from vfioguard.inference.memory.region import ReservedRegion, holder, pages
from vfioguard.kernel.pci.pci_topology import Place, requester_id

_FIRST_REVISION = 5
_64K, _PAGE_MASK = 0xFFFF, ~0xFFF

#: Offset of an SMMU -> its stream ids, sorted. Each has a number that orders equal ids, and its
#: sender: a function, or the name of a component.
_Streams = Mapping[int, Sequence[tuple[int, int, "Function | str"]]]


def memory(
    table: Fact[Iort], index: Index, places: Mapping[str, Reading[Place]]
) -> Iterator[ReservedRegion]:
    """Every range of every RMR node, in the order of the table."""
    nodes = iort_ids.nodes(table)
    kept = [node for node in nodes.by_offset.values() if isinstance(node.body, Rmr)]
    streams: _Streams = _streams(nodes, index, places) if kept else {}
    for node in kept:
        if isinstance(node.body, Rmr):
            devices, gaps = _devices(table, node, streams)
            for region in node.body.ranges:
                start, end = _span(region.base, region.length)
                relaxable = node.body.remap_permitted
                holders = tuple(
                    holder(function, start, end, relaxable=relaxable) for function in devices
                )
                yield ReservedRegion(
                    kind="RMR",
                    start=start,
                    end=end,
                    source=table.source,
                    offset=node.offset,
                    holders=holders,
                    gaps=gaps,
                )


def _span(base: int, length: int) -> tuple[int, int]:
    """The first and last byte; whole pages if not aligned to 64K as the specification wants."""
    if base & _64K or length & _64K:
        length = pages(length + (base & ~_PAGE_MASK))
        base &= _PAGE_MASK
    return base, base + max(length, 1) - 1


def _streams(nodes: iort_ids.Nodes, index: Index, places: Mapping[str, Reading[Place]]) -> _Streams:
    """The stream ids of all senders; a function has its own id, and that of a bridge above it."""
    senders: list[tuple[iort_ids.Reached | None, Function | str]] = []
    for function in index.all:
        bdf = function.bdf
        if bdf is not None:
            ids = {functions.requester_id(bdf)}
            alias = requester_id(function.device.name, places)
            if isinstance(alias, int):
                ids.add(alias)
            start = nodes.root_complex(bdf.domain)
            senders += [(nodes.follow(start, number, iort_ids.IOMMU), function) for number in ids]
    for node in nodes.by_offset.values():
        if isinstance(node.body, NamedComponent):
            for mapping in node.mappings:
                target = nodes.by_offset.get(mapping.output_reference)
                reached = nodes.follow(target, mapping.output_base, iort_ids.IOMMU)
                senders.append((reached, node.body.name))
    streams_of: defaultdict[int, list[tuple[int, int, Function | str]]] = defaultdict(list)
    for number, (reached, sender) in enumerate(senders):
        if reached is not None:
            streams_of[reached.node.offset].append((reached.id, number, sender))
    return {offset: sorted(pairs) for offset, pairs in streams_of.items()}


def _devices(
    table: Fact[Iort], node: Node, streams: _Streams
) -> tuple[list[Function], tuple[Gap, ...]]:
    """The functions that have a node's stream ids, and a gap for each id without a function."""
    if table.value.header.revision < _FIRST_REVISION:
        why = f"IORT revision {table.value.header.revision}: Linux reads RMR nodes from 5 on"
        return [], (Gap(Why.ABSENT, table.source, why),)
    if not node.mappings:
        return [], (Gap(Why.ABSENT, table.source, "no mapping: Linux skips the node"),)
    holders: dict[str, Function] = {}
    gaps: list[Gap] = []
    for mapping in node.mappings:
        senders = streams.get(mapping.output_reference, ())
        last = mapping.output_base + mapping.id_count  # iort_rmr_has_dev(): inclusive
        low, high = bisect_left(senders, (mapping.output_base,)), bisect_left(senders, (last + 1,))
        if low == high:
            why = f"stream {_ids(mapping)}: no such device here"
            gaps.append(Gap(Why.ABSENT, table.source, why))
        for _, _, sender in senders[low:high]:
            if isinstance(sender, Function):
                holders[sender.device.name] = sender
            else:
                why = f"{sender}: which device that is here is not known"
                gaps.append(Gap(Why.ABSENT, table.source, why))
    return list(holders.values()), tuple(gaps)


def _ids(mapping: IdMapping) -> str:
    last = mapping.output_base + mapping.id_count
    return f"{mapping.output_base:#x}" + (f"-{last:#x}" if mapping.id_count else "")
