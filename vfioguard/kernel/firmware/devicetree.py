"""/sys/firmware/devicetree/base: the nodes that say which MSI controller and IOMMU a device uses.

Each property is a file of big-endian cells (Documentation/devicetree/bindings/pci/pci-msi.txt,
pci/pci-iommu.txt, interrupt-controller/msi.txt). A host that booted with ACPI has no such nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from, printable
from vfioguard.kernel.firmware.devicetree_values import (
    all_cells,
    cell,
    first_cell,
    iommu_map,
    strings,
)
from vfioguard.root import Root, reading
from vfioguard.typed import NamedTuple, TypeVar

T = TypeVar("T")

PATH = "/sys/firmware/devicetree/base"
PRE_ITS = "socionext,synquacer-pre-its"
V2M = "arm,gic-v2m-frame"
_MAX_NODES = 20_000
_LIMIT = 64 << 10
_IOMMU = "#iommu-cells"
# A node that has one of these properties bears on MSIs, or is an IOMMU.
_TELLING = frozenset(
    ["msi-map", "msi-parent", "msi-controller", "#msi-cells", "mbi-ranges", PRE_ITS, _IOMMU]
)
#: Whether a device accesses memory coherently: a property of its node or of the nearest one above.
_COHERENT = {"dma-coherent": True, "dma-noncoherent": False}
#: With `interconnects` a node may have another parent towards memory (__of_get_dma_parent()).
_MEMORY = frozenset(["interconnects", *_COHERENT])
# Standard properties (Devicetree Specification 0.4, 2.3). They are not listed: they are not nodes.
_PROPERTIES = frozenset(
    [
        "compatible", "reg", "ranges", "status", "name", "phandle", "interrupts",
        "interrupt-parent", "interrupt-controller", "interrupt-names", "interrupt-map",
        "interrupt-map-mask", "dma-ranges", "device_type", "clocks", "clock-names", *_COHERENT,
        "reg-names", "bootargs", "model", "bus-range", "iommu-map", "iommu-map-mask",
        "msi-map-mask",
    ]
) | _TELLING  # fmt: skip


class Node(NamedTuple):
    """A node's properties that bear on MSIs and IOMMUs; None if it lacks a property.

    `path` is below the base ("/pcie@10000000"). Maps and `msi_parent` are raw cells, because a
    controller's `msi_cells` says how many cells refer to it. `host_bridge`: whether a PCI bus
    begins here. `coherent`: whether an IOMMU accesses memory coherently; None if not known.
    """

    path: str
    compatible: Reading[tuple[str, ...]]
    status: Reading[str] | None
    phandle: Reading[int] | None
    msi_controller: bool
    msi_cells: Reading[int] | None
    mbi_ranges: bool
    pre_its: bool
    msi_map: Reading[tuple[int, ...]] | None
    msi_map_mask: Reading[int] | None
    msi_parent: Reading[tuple[int, ...]] | None
    host_bridge: bool
    iommu_map: Reading[tuple[int, ...]] | None = None
    iommu_map_mask: Reading[int] | None = None
    iommu: bool = False
    coherent: bool | None = None

    @property
    def source(self) -> str:
        """The node's directory."""
        return PATH + self.path

    @property
    def enabled(self) -> bool | None:
        """of_device_is_available(): true without a status, and for "okay" and "ok".

        Returns None if the status cannot be read.
        """
        if self.status is None:
            return True
        return None if isinstance(self.status, Gap) else self.status.value in {"okay", "ok"}


Nodes = Mapping[str, Node]


def read(root: Root) -> Reading[Nodes]:
    """The nodes by path: those that bear on MSIs, PCI host bridges, and IOMMUs.

    Also the parents of controllers that do not say of which kind they are, and nodes of any other
    kind that an msi-map names.
    """
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
                lineage = (path, *_ancestors(path), "")
                nearest = next((node for node in lineage if node in coherent), None)
                known = False if nearest is None else coherent[nearest]
                nodes[path] = nodes[path]._replace(coherent=known)
        for path in [path for path, node in nodes.items() if _tells_little(node)]:
            parent = path.rpartition("/")[0]
            if parent not in nodes:
                names = frozenset(root.listdir(PATH + parent))
                nodes[parent] = _node(root, parent, names, bridge=False)
        nodes |= _others(root, nodes)
    except OSError as error:
        return gap_from(error, PATH)
    shown = {printable(path): node for path, node in nodes.items()}
    return Fact(shown, "\n".join(shown).encode(), PATH)


def _coherent(names: frozenset[str]) -> bool | None:
    """of_dma_is_coherent(). Returns None if `interconnects` may name another parent to memory."""
    values = [value for name, value in _COHERENT.items() if name in names]
    return values[0] if values else None


def _others(root: Root, nodes: Nodes) -> dict[str, Node]:
    """The nodes that msi-maps name and `nodes` lacks: of_map_id() checks that they exist."""
    known = {node.phandle.value for node in nodes.values() if isinstance(node.phandle, Fact)}
    maps = [node.msi_map.value for node in nodes.values() if isinstance(node.msi_map, Fact)]
    wanted = {number for cells in maps for number in cells if number} - known
    regular = all(_one_cell(node) for node in nodes.values())
    if regular and not any(number in wanted for cells in maps for number in cells[1::4]):
        return {}
    others: dict[str, Node] = {}
    for path, names in _walk(root):
        if path not in nodes and "phandle" in names:
            phandle = reading(root, f"{PATH}{path}/phandle", cell, _LIMIT)
            if isinstance(phandle, Gap) or phandle.value in wanted:
                others[path] = _node(root, path, names, bridge=False)
    return others


def _one_cell(node: Node) -> bool:
    return node.msi_cells is None or (
        isinstance(node.msi_cells, Fact) and node.msi_cells.value == 1
    )


def _pci_bus(root: Root, path: str, names: frozenset[str]) -> bool:
    """Whether the node is a host bridge, or a port below one: by its name, else `device_type`."""
    if path.rpartition("/")[2].startswith(("pcie@", "pci@")):
        return True
    if not names.issuperset(("device_type", "ranges")):
        return False
    kind = reading(root, f"{PATH}{path}/device_type", strings, _LIMIT)
    return "pci" in kind.value if isinstance(kind, Fact) else kind.why is not Why.ABSENT


def _ancestors(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _tells_little(node: Node) -> bool:
    """Whether only the parent tells a controller's kind.

    This is so for GICv2m frames and for controllers without `compatible`, as GICv5's translate
    frames are.
    """
    if isinstance(node.compatible, Fact):
        return V2M in node.compatible.value
    return node.msi_controller


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
    if "@" in name or name == "msi-controller":  # a node may have this name, without an address
        return True
    return name not in _PROPERTIES and "," not in name and not name.startswith("#")


def _node(root: Root, path: str, names: frozenset[str], *, bridge: bool) -> Node:
    def optional(name: str, parser: Callable[[bytes], T]) -> Reading[T] | None:
        return reading(root, f"{PATH}{path}/{name}", parser, _LIMIT) if name in names else None

    shown = printable(path)
    return Node(
        path=shown,
        compatible=optional("compatible", strings)
        or Gap(Why.ABSENT, f"{PATH}{shown}/compatible", "none"),
        status=optional("status", lambda raw: strings(raw)[0]),
        phandle=optional("phandle", cell),
        msi_controller="msi-controller" in names,
        msi_cells=optional("#msi-cells", first_cell),
        mbi_ranges="mbi-ranges" in names,
        pre_its=PRE_ITS in names,
        msi_map=optional("msi-map", all_cells),
        msi_map_mask=optional("msi-map-mask", first_cell),
        msi_parent=optional("msi-parent", all_cells),
        host_bridge=bridge,
        iommu_map=optional("iommu-map", iommu_map) if bridge else None,
        iommu_map_mask=optional("iommu-map-mask", first_cell) if bridge else None,
        iommu=_IOMMU in names,
    )
