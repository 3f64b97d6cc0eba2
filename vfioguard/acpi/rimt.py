"""RIMT: which ids reach which RISC-V IOMMU (RISC-V IO Mapping Table 1.0 chapter 2).

It says nothing about interrupts. It is parsed so that `firmware` can show it on a RISC-V host.
"""

from struct import Struct
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Header, Parsed, Table, parsed
from vfioguard.acpi.structure.layout import (
    U8,
    U16,
    U32,
    U64,
    Layout,
    TableReader,
    Text8,
    Unknown,
    text,
)


class Wire(NamedTuple):
    """An interrupt wire of an IOMMU (2.1)."""

    offset: int
    gsi: U32
    flags: U32


class Mapping(NamedTuple):
    """A range of ids and the IOMMU it goes to (2.2)."""

    offset: int
    source_base: U32
    id_count: U32
    destination_base: U32
    destination: U32  # offset of the IOMMU's node
    flags: U32


class Iommu(NamedTuple):
    """Type 0: an IOMMU (2.1)."""

    offset: int
    type: U8
    revision: U8
    length: U16
    reserved: U16
    identifier: U16
    hardware_id: Text8
    base: U64
    flags: U32  # bit 0: it is a PCI function
    proximity_domain: U32
    segment: U16
    bdf: U16
    wire_count: U16
    wire_offset: U16
    wires: tuple[Wire, ...]


class RootComplex(NamedTuple):
    """Type 1: a PCI segment (2.2)."""

    offset: int
    type: U8
    revision: U8
    length: U16
    reserved: U16
    identifier: U16
    flags: U32
    reserved2: U16
    segment: U16
    mapping_offset: U16
    mapping_count: U16
    mappings: tuple[Mapping, ...]


class PlatformDevice(NamedTuple):
    """Type 2: a platform device (2.3)."""

    offset: int
    type: U8
    revision: U8
    length: U16
    reserved: U16
    identifier: U16
    mapping_offset: U16
    mapping_count: U16
    name: str
    mappings: tuple[Mapping, ...]


Node: TypeAlias = Iommu | RootComplex | PlatformDevice | Unknown


class Fixed(NamedTuple):
    """What follows the header (chapter 2)."""

    node_count: U32
    node_offset: U32
    reserved: U32


class Rimt(NamedTuple):
    """The whole table (chapter 2)."""

    header: Header
    node_count: int
    node_offset: int
    reserved: int
    nodes: tuple[Node, ...]


_FIXED = Layout(Fixed)
_HEAD = Struct("<BxH")
_IOMMU = Layout(Iommu)
_ROOT_COMPLEX = Layout(RootComplex)
_PLATFORM = Layout(PlatformDevice)
_WIRE = Layout(Wire)
_MAPPING = Layout(Mapping)


def _mappings(
    reader: TableReader, node: RootComplex | PlatformDevice, end: int
) -> tuple[Mapping, ...]:
    start = node.offset + node.mapping_offset
    count = reader.count(start, end, node.mapping_count, _MAPPING.size)
    return _MAPPING.many(reader.data, start, count)


def _node(reader: TableReader, kind: int, start: int, end: int) -> Node:
    match kind:
        case 0:
            iommu = reader.structure(_IOMMU, kind, start, end, ())
            if isinstance(iommu, Unknown):
                return iommu
            first = start + iommu.wire_offset
            count = reader.count(first, end, iommu.wire_count, _WIRE.size)
            return iommu._replace(wires=_WIRE.many(reader.data, first, count))
        case 1:
            root = reader.structure(_ROOT_COMPLEX, kind, start, end, ())
            if isinstance(root, Unknown):
                return root
            return root._replace(mappings=_mappings(reader, root, end))
        case 2:
            name = text(reader.data[start + _PLATFORM.size : end])
            device = reader.structure(_PLATFORM, kind, start, end, name, ())
            if isinstance(device, Unknown):
                return device
            return device._replace(mappings=_mappings(reader, device, end))
        case _:
            return reader.unknown(kind, start, end)


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Rimt:
    nodes = reader.nodes(fixed.node_offset, fixed.node_count, 48, _HEAD)
    return Rimt(
        header=head,
        node_count=fixed.node_count,
        node_offset=fixed.node_offset,
        reserved=fixed.reserved,
        nodes=tuple(_node(reader, kind, start, end) for kind, start, end in nodes),
    )


def parse(data: bytes) -> Parsed[Rimt]:
    """The table, as far as it makes sense."""
    return parsed(data, "RIMT", _FIXED, _body)


TABLE = Table("RIMT", parse)
