"""References of a firmware table that lead nowhere.

The table's bytes are whole. Linux finds no node at the reference, or a node to which no id is
mapped, and does without (drivers/acpi/arm64/iort.c iort_node_map_id(), drivers/acpi/viot.c
viot_get_iommu(), drivers/acpi/riscv/rimt.c (7.3.4)).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.acpi import Unknown, iort, rimt, viot
from vfioguard.acpi.parts import iort_bodies
from vfioguard.typed import NamedTuple

#: Nodes of an IORT that only refer: no id is ever mapped to one.
_ORIGINS = (
    iort_bodies.NamedComponent, iort_bodies.Pmcg, iort_bodies.RootComplex, iort_bodies.Rmr,
)  # fmt: skip


class Lost(NamedTuple):
    """The structure at `offset` refers to `reference`, where there is no node that it can mean."""

    offset: int
    reference: int


def lost(table: object) -> tuple[Lost, ...]:
    """The lost references of a table in its order; none for tables that have no references."""
    match table:
        case iort.Iort():
            return tuple(_of_iort(table))
        case viot.Viot():
            return tuple(_of_viot(table))
        case rimt.Rimt():
            return tuple(_of_rimt(table))
        case _:
            return ()


def _of_iort(table: iort.Iort) -> Iterator[Lost]:
    nodes = [node for node in table.nodes if isinstance(node, iort.Node)]
    there = {node.offset for node in nodes if not isinstance(node.body, _ORIGINS)}
    there |= _unknown(table.nodes)
    every = {node.offset for node in table.nodes}
    for node in nodes:
        body = node.body
        if isinstance(body, iort_bodies.Pmcg) and body.node_reference not in every:
            yield Lost(node.offset, body.node_reference)
        for mapping in node.mappings:
            if mapping.output_reference not in there:
                yield Lost(mapping.offset, mapping.output_reference)


def _of_viot(table: viot.Viot) -> Iterator[Lost]:
    iommus = (viot.VirtioPciIommu, viot.VirtioMmioIommu)
    there = {node.offset for node in table.nodes if isinstance(node, iommus)}
    there |= _unknown(table.nodes)
    for node in table.nodes:
        if isinstance(node, viot.PciRange | viot.MmioEndpoint) and node.output_node not in there:
            yield Lost(node.offset, node.output_node)


def _of_rimt(table: rimt.Rimt) -> Iterator[Lost]:
    there = {node.offset for node in table.nodes if isinstance(node, rimt.Iommu)}
    there |= _unknown(table.nodes)
    for node in table.nodes:
        if isinstance(node, rimt.RootComplex | rimt.PlatformDevice):
            for mapping in node.mappings:
                if mapping.destination not in there:
                    yield Lost(mapping.offset, mapping.destination)


def _unknown(nodes: Iterable[object]) -> set[int]:
    """The offsets of nodes of an unknown kind: a reference may well mean one of them."""
    return {node.offset for node in nodes if isinstance(node, Unknown)}
