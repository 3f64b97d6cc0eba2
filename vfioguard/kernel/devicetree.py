"""/sys/firmware/devicetree/base: the nodes that say which MSI controller and IOMMU a device uses.

One property a file, big-endian cells (Documentation/devicetree/bindings/pci/pci-msi.txt,
pci/pci-iommu.txt, interrupt-controller/msi.txt). A host that booted with ACPI has no such nodes.
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
V2M = "arm,gic-v2m-frame"
_MAX_NODES = 20_000
_LIMIT = 64 << 10
_IOMMU = "#iommu-cells"
# A node that has one of these bears on MSIs, or is an IOMMU.
_TELLING = frozenset(
    ["msi-map", "msi-parent", "msi-controller", "#msi-cells", "mbi-ranges", PRE_ITS, _IOMMU]
)
#: Who accesses memory coherently: a property of the node or of the nearest one above.
_COHERENT = {"dma-coherent": True, "dma-noncoherent": False}
#: With `interconnects` a node may have another parent towards memory (__of_get_dma_parent()).
_MEMORY = frozenset(["interconnects", *_COHERENT])
# Standard properties (Devicetree Specification 0.4, 2.3): not worth a system call each.
_PROPERTIES = frozenset(
    [
        "compatible", "reg", "ranges", "status", "name", "phandle", "interrupts",
        "interrupt-parent", "interrupt-controller", "interrupt-names", "interrupt-map",
        "interrupt-map-mask", "dma-ranges", "device_type", "clocks", "clock-names", *_COHERENT,
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
    """A node's words on MSIs and IOMMUs; a property that it does not have is None.

    `path` is below the base ("/pcie@10000000"), `msi_parent` the raw cells, as how many belong to
    one controller is that controller's `msi_cells`. `host_bridge`: a PCI bus begins here.
    `coherent`: of an IOMMU, whether its accesses to memory are; None where it is not known.
    """

    path: str
    compatible: Reading[tuple[str, ...]]
    status: Reading[str] | None
    phandle: Reading[int] | None
    msi_controller: bool
    msi_cells: Reading[int] | None
    mbi_ranges: bool
    pre_its: bool
    msi_map: Reading[tuple[MapEntry, ...]] | None
    msi_map_mask: Reading[int] | None
    msi_parent: Reading[tuple[int, ...]] | None
    host_bridge: bool
    iommu_map: Reading[tuple[MapEntry, ...]] | None = None
    iommu_map_mask: Reading[int] | None = None
    iommu: bool = False
    coherent: bool | None = None

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
    """The nodes that bear on MSIs, PCI host bridges, IOMMUs, and the GICs above GICv2m frames."""
    nodes: dict[str, Node] = {}
    bridges: set[str] = set()
    coherent: dict[str, bool | None] = {}
    try:
        for path, names in _walk(root):
            bridge = _pci_bus(root, path, names) and bridges.isdisjoint(_ancestors(path))
            if bridge:
                bridges.add(path)
            if not names.isdisjoint(_MEMORY):
                coherent[path] = _coherent(names)
            if bridge or not _TELLING.isdisjoint(names):
                nodes[path] = _node(root, path, names, bridge=bridge)
            if _IOMMU in names:
                above = next((at for at in (path, *_ancestors(path), "") if at in coherent), None)
                known = False if above is None else coherent[above]
                nodes[path] = nodes[path]._replace(coherent=known)
        for path in [path for path, node in nodes.items() if _is_frame(node)]:
            above = path.rpartition("/")[0]
            if above not in nodes:
                names = frozenset(root.listdir(PATH + above))
                nodes[above] = _node(root, above, names, bridge=False)
    except OSError as error:
        return gap_from(error, PATH)
    return Fact(nodes, "\n".join(nodes).encode(), PATH)


def _coherent(names: frozenset[str]) -> bool | None:
    """of_dma_is_coherent(); one that reaches memory otherwise has another parent for that."""
    found = [value for name, value in _COHERENT.items() if name in names]
    return found[0] if found else None


def _pci_bus(root: Root, path: str, names: frozenset[str]) -> bool:
    """A host bridge or, below one, a port; only `device_type` tells one of an unusual name."""
    if path.rpartition("/")[2].startswith(("pcie@", "pci@")):
        return True
    if not names.issuperset(("device_type", "ranges")):
        return False
    kind = reading(root, f"{PATH}{path}/device_type", strings, _LIMIT)
    return "pci" in kind.value if isinstance(kind, Fact) else kind.why is not Why.ABSENT


def _ancestors(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _is_frame(node: Node) -> bool:
    return isinstance(node.compatible, Fact) and V2M in node.compatible.value


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
    if "@" in name or name == "msi-controller":  # a node of that name may have no address
        return True
    return name not in _PROPERTIES and "," not in name and not name.startswith("#")


def _node(root: Root, path: str, names: frozenset[str], *, bridge: bool) -> Node:
    def optional(name: str, parser: Callable[[bytes], T]) -> Reading[T] | None:
        return reading(root, f"{PATH}{path}/{name}", parser, _LIMIT) if name in names else None

    return Node(
        path,
        optional("compatible", strings) or Gap(Why.ABSENT, f"{PATH}{path}/compatible", "none"),
        optional("status", lambda raw: strings(raw)[0]),
        optional("phandle", cell),
        "msi-controller" in names,
        optional("#msi-cells", first_cell),
        "mbi-ranges" in names,
        PRE_ITS in names,
        optional("msi-map", msi_map),
        optional("msi-map-mask", first_cell),
        optional("msi-parent", all_cells),
        bridge,
        optional("iommu-map", iommu_map) if bridge else None,
        optional("iommu-map-mask", first_cell) if bridge else None,
        _IOMMU in names,
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


def first_cell(raw: bytes) -> int:
    """of_property_read_u32(): what follows the first cell does not count."""
    return cell(raw[:4])


def msi_map(raw: bytes) -> tuple[MapEntry, ...]:
    """(rid-base, phandle, msi-base, length)*; of_map_id() finds nothing in an empty one."""
    values = all_cells(raw)
    if len(values) % 4:
        raise Malformed(f"bad msi-map length {len(raw)}")
    return tuple(MapEntry(*values[at : at + 4]) for at in range(0, len(values), 4))


def iommu_map(raw: bytes) -> tuple[MapEntry, ...]:
    """The same for IOMMUs; an empty one was listed by whoever recorded the tree, and not read."""
    if not raw:
        raise Malformed("an empty iommu-map")
    return msi_map(raw)
