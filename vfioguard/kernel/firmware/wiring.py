"""How firmware ties devices to MSI controllers where the host is not an x86.

There the kernel finds a device's MSI domain by its requester id, which follows from its place on
the PCI bus, or by its node in the device tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from, parse, printable_bytes
from vfioguard.kernel.devices import PCI
from vfioguard.kernel.firmware import devicetree
from vfioguard.kernel.firmware.devicetree import Nodes
from vfioguard.kernel.pci import pci_topology
from vfioguard.kernel.pci.pci_topology import Place
from vfioguard.root import Root
from vfioguard.typed import NamedTuple


class Wiring(NamedTuple):
    """`places`: where PCI functions are. `of_nodes`: the nodes of root buses and other devices.

    The key of a root bus is its directory; the keys of functions and other devices are their names.
    """

    nodes: Reading[Nodes]
    places: Mapping[str, Reading[Place]]
    of_nodes: Mapping[str, Reading[str]]


def read(
    root: Root,
    functions: Iterable[str],
    others: Mapping[str, str],
    earlier: Wiring | None = None,
    changed: frozenset[str] = frozenset(),
) -> Wiring:
    """Read the wiring of `functions` (PCI) and of `others` (name -> directory of a device).

    With an `earlier` wiring, its tree is kept, and the places of functions not in `changed`.
    """
    bus = root.under(PCI)
    old: Mapping[str, Reading[Place]] = {} if earlier is None else earlier.places
    places = {
        name: old[name] if name in old and name not in changed else pci_topology.read(bus, name)
        for name in functions
    }
    of_nodes = {name: _of_node(root, directory) for name, directory in sorted(others.items())}
    buses = {p.value.root_bus: p.value for p in places.values() if isinstance(p, Fact)}
    of_nodes |= {name: _bridge_node(root, place) for name, place in sorted(buses.items())}
    nodes = devicetree.read(root) if earlier is None else earlier.nodes
    return Wiring(nodes, places, of_nodes)


def _bridge_node(root: Root, place: Place) -> Reading[str]:
    """The node of a root bus, or else of the device above it: pcibios_get_phb_of_node()."""
    own = _of_node(root, place.root_bus)
    if isinstance(own, Gap) and own.why is Why.ABSENT:
        return _of_node(root, place.host_bridge)
    return own


def _of_node(root: Root, directory: str) -> Reading[str]:
    """The path of a device's node below the tree's base."""
    path = f"{directory}/of_node"
    try:
        target = root.readlink(path)
    except OSError as error:
        return gap_from(error, path)
    return parse(target.encode(errors="surrogateescape"), path, _below_base)


def _below_base(raw: bytes) -> str:
    _, base, node = printable_bytes(raw).partition("/devicetree/base")
    return node if base else ""
