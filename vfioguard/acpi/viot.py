"""VIOT: which devices a virtio-iommu translates (ACPI 6.5 5.2.31)."""

from struct import Struct
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Header, Parsed, Table, parsed
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


class PciRange(NamedTuple):
    """PCI functions behind one IOMMU (table 5.162)."""

    offset: int
    type: U8
    reserved: U8
    length: U16
    endpoint_start: U32
    segment_start: U16
    segment_end: U16
    bdf_start: U16
    bdf_end: U16  # inclusive
    output_node: U16  # offset of the IOMMU's node
    reserved2: Bytes6


class MmioEndpoint(NamedTuple):
    """A platform device behind one IOMMU (table 5.163)."""

    offset: int
    type: U8
    reserved: U8
    length: U16
    endpoint: U32
    base: U64
    output_node: U16
    reserved2: Bytes6


class VirtioPciIommu(NamedTuple):
    """A virtio-iommu that is a PCI function (table 5.164)."""

    offset: int
    type: U8
    reserved: U8
    length: U16
    segment: U16
    bdf: U16
    reserved2: Bytes8


class VirtioMmioIommu(NamedTuple):
    """A virtio-iommu that is a platform device (table 5.165)."""

    offset: int
    type: U8
    reserved: U8
    length: U16
    reserved2: U32
    base: U64


Node: TypeAlias = PciRange | MmioEndpoint | VirtioPciIommu | VirtioMmioIommu | Unknown


class Fixed(NamedTuple):
    """The fixed part (table 5.160)."""

    node_count: U16
    node_offset: U16
    reserved: Bytes8


class Viot(NamedTuple):
    """The whole table (table 5.160)."""

    header: Header
    node_count: int
    node_offset: int
    reserved: bytes
    nodes: tuple[Node, ...]


_FIXED = Layout(Fixed)
_HEAD = Struct("<BxH")
_PCI_RANGE = Layout(PciRange)
_MMIO_ENDPOINT = Layout(MmioEndpoint)
_PCI_IOMMU = Layout(VirtioPciIommu)
_MMIO_IOMMU = Layout(VirtioMmioIommu)


def _node(reader: TableReader, kind: int, start: int, end: int) -> Node:
    match kind:
        case 1:
            return reader.structure(_PCI_RANGE, kind, start, end)
        case 2:
            return reader.structure(_MMIO_ENDPOINT, kind, start, end)
        case 3:
            return reader.structure(_PCI_IOMMU, kind, start, end)
        case 4:
            return reader.structure(_MMIO_IOMMU, kind, start, end)
        case _:
            return reader.unknown(kind, start, end)


def _body(reader: TableReader, head: Header, fixed: Fixed) -> Viot:
    nodes = reader.nodes(fixed.node_offset, fixed.node_count, 48, _HEAD)
    return Viot(
        header=head,
        node_count=fixed.node_count,
        node_offset=fixed.node_offset,
        reserved=fixed.reserved,
        nodes=tuple(_node(reader, kind, start, end) for kind, start, end in nodes),
    )


def parse(data: bytes) -> Parsed[Viot]:
    """The table, as far as it makes sense."""
    return parsed(data, "VIOT", _FIXED, _body)


TABLE = Table("VIOT", parse)
