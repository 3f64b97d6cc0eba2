"""IORT: which ids reach which SMMU and ITS (Arm DEN0049, revisions A to E.f and the GICv5 beta)."""

from struct import Struct
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.parts.iort_bodies import Body, Unparsed, body
from vfioguard.acpi.structure.layout import U8, U16, U32, Layout, TableReader, Unknown


class Mapping(NamedTuple):
    """A range of ids and where it goes (3.1.1 table 4)."""

    offset: int
    input_base: U32
    id_count: U32  # minus one, unless the firmware had it wrong
    output_base: U32
    output_reference: U32  # offset of the node, from the start of the table
    flags: U32

    @property
    def single(self) -> bool:
        """The input id does not matter: the output id is always the output base."""
        return bool(self.flags & 1)

    @property
    def last(self) -> int:
        """The last input id, inclusive."""
        return self.input_base + self.id_count


class Node(NamedTuple):
    """A node (3.1 table 3). Types: 0 ITS group, 1 named component, 2 root complex, 3, 4 SMMU ..."""

    offset: int
    type: U8
    length: U16
    revision: U8
    identifier: U32  # reserved before revision E
    mapping_count: U32
    mapping_offset: U32
    body: Body
    mappings: tuple[Mapping, ...]


class Fixed(NamedTuple):
    """What follows the header (3 table 2)."""

    node_count: U32
    node_offset: U32
    reserved: U32


IortNode: TypeAlias = Node | Unknown


class Iort(NamedTuple):
    """The whole table (3 table 2)."""

    header: Header
    node_count: int
    node_offset: int
    reserved: int
    nodes: tuple[IortNode, ...]

    def by_offset(self) -> dict[int, Node]:
        """The nodes by their offset, which is what a mapping's output reference names."""
        return {node.offset: node for node in self.nodes if isinstance(node, Node)}


class Head(NamedTuple):
    """The part of a node that all types have (3.1 table 3)."""

    offset: int
    type: U8
    length: U16
    revision: U8
    identifier: U32
    mapping_count: U32
    mapping_offset: U32


_FIXED = Layout(Fixed)
_HEAD = Struct("<BH")
_NODE = Layout(Head)
_MAPPING = Layout(Mapping)


def _mappings(reader: TableReader, head: Head, end: int) -> tuple[Mapping, ...]:
    """The mappings of a node; the node says where in the table they begin."""
    if not head.mapping_count:
        return ()
    start = head.offset + head.mapping_offset
    if head.mapping_offset < _NODE.size:
        reader.note(head.offset, f"the mappings begin inside the node, at {head.mapping_offset}")
        return ()
    count = reader.count(start, reader.end, head.mapping_count, _MAPPING.size)
    stop = start + count * _MAPPING.size
    if stop > end:
        reader.note(start, f"the mappings end {stop - end} bytes behind their node")
    return _MAPPING.many(reader.data, start, count)


def _node(reader: TableReader, kind: int, start: int, end: int) -> IortNode:
    head = reader.structure(_NODE, kind, start, end)
    if isinstance(head, Unknown):
        return head
    mappings = _mappings(reader, head, end)
    # The node has a field of a later revision if its mappings begin after that field.
    limit = min(end, start + head.mapping_offset) if head.mapping_count else end
    return Node(
        offset=head.offset,
        type=head.type,
        length=head.length,
        revision=head.revision,
        identifier=head.identifier,
        mapping_count=head.mapping_count,
        mapping_offset=head.mapping_offset,
        body=body(reader, kind, start, end, limit),
        mappings=mappings,
    )


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Iort:
    nodes = reader.nodes(fixed.node_offset, fixed.node_count, 48, _HEAD)
    return Iort(
        header=head,
        node_count=fixed.node_count,
        node_offset=fixed.node_offset,
        reserved=fixed.reserved,
        nodes=tuple(_node(reader, kind, start, end) for kind, start, end in nodes),
    )


def parse(data: bytes) -> Parsed[Iort]:
    """The table, as far as it makes sense. References are not followed."""
    return parsed(data, "IORT", _FIXED, _body)


TABLE = Table("IORT", parse)

__all__ = ["TABLE", "Body", "Iort", "IortNode", "Mapping", "Node", "Unparsed", "parse"]
