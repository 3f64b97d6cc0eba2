"""/sys/firmware/devicetree/base: the nodes that say which MSI controller a device uses.

One property a file, big-endian cells (Documentation/devicetree/bindings/pci/pci-msi.txt,
bindings/interrupt-controller/msi.txt). A host that booted with ACPI has no such nodes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from
from vfioguard.root import Root, reading

T = TypeVar("T")

PATH = "/sys/firmware/devicetree/base"
PRE_ITS = "socionext,synquacer-pre-its"
_MAX_NODES = 20_000
_LIMIT = 64 << 10
# A node that has one of these bears on MSIs.
_TELLING = frozenset(
    ["msi-map", "msi-parent", "msi-controller", "#msi-cells", "mbi-ranges", PRE_ITS]
)
# Standard properties (Devicetree Specification 0.4, 2.3): not worth a system call each.
_PROPERTIES = frozenset(
    [
        "compatible", "reg", "ranges", "status", "name", "phandle", "interrupts",
        "interrupt-parent", "interrupt-controller", "interrupt-names", "interrupt-map",
        "interrupt-map-mask", "dma-ranges", "dma-coherent", "device_type", "clocks", "clock-names",
        "reg-names", "bootargs", "model", "bus-range", "iommu-map", "iommu-map-mask",
        "msi-map-mask",
    ]
) | _TELLING  # fmt: skip


class MapEntry(NamedTuple):
    """`length` requester ids from `first` on belong to the controller of this phandle."""

    first: int
    controller: int
    output: int
    length: int


class Node(NamedTuple):
    """A node's words on MSIs; a property that it does not have is None.

    `path` is below the base ("/pcie@10000000"), `msi_parent` the raw cells, as how many belong to
    one controller is that controller's `msi_cells`.
    """

    path: str
    compatible: Reading[tuple[str, ...]]
    status: Reading[str] | None
    phandle: Reading[int] | None
    msi_controller: bool
    msi_cells: int
    mbi_ranges: bool
    pre_its: bool
    msi_map: Reading[tuple[MapEntry, ...]] | None
    msi_map_mask: Reading[int] | None
    msi_parent: Reading[tuple[int, ...]] | None

    @property
    def source(self) -> str:
        """Where the node is."""
        return PATH + self.path

    @property
    def enabled(self) -> bool | None:
        """of_device_is_available(): no status, "okay" or "ok"."""
        if self.status is None:
            return True
        return None if isinstance(self.status, Gap) else self.status.value in {"okay", "ok"}


Nodes = Mapping[str, Node]


def read(root: Root) -> Reading[Nodes]:
    """The nodes that bear on MSIs, and every PCI host bridge, by path."""
    nodes: dict[str, Node] = {}
    try:
        for path, names in _walk(root):
            if not _TELLING.isdisjoint(names) or _host_bridge(path):
                nodes[path] = _node(root, path, names)
    except OSError as error:
        return gap_from(error, PATH)
    return Fact(nodes, "\n".join(nodes).encode(), PATH)


def _host_bridge(path: str) -> bool:
    return path.rpartition("/")[2].startswith(("pcie@", "pci@"))


def _walk(root: Root) -> Iterator[tuple[str, frozenset[str]]]:
    todo = [""]
    seen = 0
    while todo:
        path = todo.pop()
        try:
            names = root.listdir(PATH + path)
        except OSError as error:
            if path and gap_from(error, path).why is Why.ABSENT:
                continue  # a property, or a node of an overlay that went away
            raise
        seen += 1
        if seen > _MAX_NODES:
            raise OSError(f"more than {_MAX_NODES} nodes")
        yield path, frozenset(names)
        todo.extend(f"{path}/{name}" for name in sorted(names) if _may_be_node(name))


def _may_be_node(name: str) -> bool:
    if "@" in name:
        return True
    return name not in _PROPERTIES and "," not in name and not name.startswith("#")


def _node(root: Root, path: str, names: frozenset[str]) -> Node:
    def optional(name: str, parser: Callable[[bytes], T]) -> Reading[T] | None:
        return reading(root, f"{PATH}{path}/{name}", parser, _LIMIT) if name in names else None

    cells = optional("#msi-cells", cell)
    return Node(
        path,
        optional("compatible", strings) or Gap(Why.ABSENT, f"{PATH}{path}/compatible", "none"),
        optional("status", lambda raw: strings(raw)[0]),
        optional("phandle", cell),
        "msi-controller" in names,
        cells.value if isinstance(cells, Fact) else 0,
        "mbi-ranges" in names,
        PRE_ITS in names,
        optional("msi-map", msi_map),
        optional("msi-map-mask", cell),
        optional("msi-parent", all_cells),
    )


def strings(raw: bytes) -> tuple[str, ...]:
    """A list of strings, each ended by a NUL."""
    try:
        parts = tuple(part.decode("ascii") for part in raw.rstrip(b"\0").split(b"\0"))
    except UnicodeDecodeError as error:
        raise Malformed(f"not strings: {raw[:32]!r}") from error
    return parts


def all_cells(raw: bytes) -> tuple[int, ...]:
    """32-bit big-endian cells."""
    if len(raw) % 4:
        raise Malformed(f"{len(raw)} bytes are no cells")
    return struct.unpack(f">{len(raw) // 4}I", raw)


def cell(raw: bytes) -> int:
    """One cell."""
    values = all_cells(raw)
    if len(values) != 1:
        raise Malformed(f"{len(values)} cells, not one")
    return values[0]


def msi_map(raw: bytes) -> tuple[MapEntry, ...]:
    """(rid-base, phandle, msi-base, length)*; of_map_id() calls an empty or odd one bad."""
    values = all_cells(raw)
    if not values or len(values) % 4:
        raise Malformed(f"bad msi-map length {len(raw)}")
    return tuple(MapEntry(*values[at : at + 4]) for at in range(0, len(values), 4))
