"""VIOT and MCFG as lines: devices behind virtio IOMMUs, and windows of PCI segments."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.acpi import mcfg, viot


def viot_lines(table: viot.Viot) -> Iterator[str]:
    """A line for each range, device and IOMMU; a range and a device name the IOMMU in front."""
    iommus = {node.offset: _iommu(node) for node in table.nodes}
    for node in table.nodes:
        match node:
            case viot.PciRange():
                first = _function(node.segment_start, node.bdf_start)
                last = _function(node.segment_end, node.bdf_end)
                yield f"{first} to {last}: behind {_behind(iommus, node.output_node)}"
            case viot.MmioEndpoint():
                yield f"device at {node.base:#x}: behind {_behind(iommus, node.output_node)}"
            case viot.VirtioPciIommu() | viot.VirtioMmioIommu():
                yield _iommu(node) or ""
            case _:
                yield f"unknown node of type {node.type}, {len(node.raw)} bytes"


def mcfg_lines(table: mcfg.Mcfg) -> Iterator[str]:
    """A line for each window of configuration space."""
    for window in table.allocations:
        buses = f"{window.start_bus:02x}-{window.end_bus:02x}"
        yield f"segment {window.segment}, buses {buses} at {window.base:#x}"


def _iommu(node: viot.Node) -> str | None:
    match node:
        case viot.VirtioPciIommu():
            return f"virtio-iommu {_function(node.segment, node.bdf)}"
        case viot.VirtioMmioIommu():
            return f"virtio-iommu at {node.base:#x}"
        case _:
            return None


def _behind(iommus: dict[int, str | None], offset: int) -> str:
    return iommus.get(offset) or "nothing"


def _function(segment: int, bdf: int) -> str:
    return f"{segment:04x}:{bdf >> 8:02x}:{bdf >> 3 & 31:02x}.{bdf & 7:x}"
