"""The device tree's way to an MSI domain: msi-map, msi-parent, and what the bus inherits.

drivers/of/base.c of_map_id(), drivers/of/irq.c of_msi_get_domain(), drivers/pci/probe.c
pci_set_bus_msi_domain(); POLICY 3.9, and 10.5 for what real kernels did.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference.firmware_msi import Domain, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.devicetree import MapEntry, Node, Nodes
from vfioguard.kernel.pci_topology import requester_id
from vfioguard.kernel.wiring import Wiring
from vfioguard.logic import Answer, ask, every, some

_ITS = frozenset({"arm,gic-v3-its", "arm,gic-v5-its"})
_V2M = "arm,gic-v2m-frame"
_GIC_V3 = "arm,gic-v3"
#: Controllers whose drivers every distribution builds for arm64; none of them is flagged.
_UNFLAGGED = ("fsl,ls", "apm,xgene1-msi", "mrvl,", "marvell,", "hisilicon,mbigen", "al,alpine-msi")
#: Host bridges that have no MSI controller inside (drivers/pci/controller/pci-host-generic.c).
_PLAIN_BRIDGES = frozenset({"pci-host-ecam-generic", "pci-host-cam-generic"})
_ALL_BITS = 0xFFFFFFFF


class DeviceTreeDomains:
    """Resolves devices of a host that booted with a device tree."""

    def __init__(self, wiring: Wiring, nodes: Fact[Nodes], alive: Answer) -> None:
        self._wiring = wiring
        self._nodes = nodes
        self._alive = alive
        self._by_phandle = {
            node.phandle.value: node
            for node in nodes.value.values()
            if isinstance(node.phandle, Fact)
        }

    def domain(self, device: Device) -> Domain:
        """The domain of one device."""
        if is_pci(device.name):
            return self._pci(device.name)
        if device.bus == "platform":
            return self._platform(device.name)
        return unknown(f"{device.name}: its bus's way to an MSI domain is known", device.uevent)

    def _pci(self, name: str) -> Domain:
        place = self._wiring.places.get(name)
        if place is None or isinstance(place, Gap):
            return unknown(f"{name}: its place is known", place or self._nodes)
        bridge = self._wiring.of_nodes.get(place.value.host_bridge)
        if bridge is None or isinstance(bridge, Gap):
            return unknown(f"{name}: its host bridge's node is known", bridge or place)
        node = self._nodes.value.get(bridge.value)
        if node is None:
            return no_domain(f"{bridge.value} says anything of MSIs", bridge)
        chain = [self._mapped(node, name)]
        chain += [self._mapped(node, above) for above in reversed(place.value.bridges)]
        chain.append(self._bridge_default(node))
        return first_of(f"{name} has an MSI domain that isolates", chain)

    def _mapped(self, node: Node, name: str) -> Domain:
        """The controller that msi-map names for the function's requester id."""
        rid = requester_id(name, self._wiring.places)
        if isinstance(rid, Gap):
            return unknown(f"{name}: its requester id is known", rid)
        if node.msi_map is None:
            return no_domain(f"{node.path} has an msi-map", self._nodes)
        if isinstance(node.msi_map, Gap):
            if node.msi_map.why == "malformed":  # the kernel gives up on it in the same way
                return no_domain(f"{node.path} has a valid msi-map", self._nodes)
            return unknown(f"{node.path} has a readable msi-map", node.msi_map)
        mask = _ALL_BITS
        if node.msi_map_mask is not None:
            if isinstance(node.msi_map_mask, Gap):
                return unknown(f"{node.path} has a readable msi-map-mask", node.msi_map_mask)
            mask = node.msi_map_mask.value
        phandle = lookup(node.msi_map.value, mask, rid)
        claim = f"msi-map of {node.path} covers {name} (id {rid:#x})"
        if phandle is None or phandle not in self._by_phandle:
            return no_domain(claim, node.msi_map)
        found = self.controller(self._by_phandle[phandle])
        return Domain(
            every(claim, (ask(claim, node.msi_map, lambda _: True), found.exists)),
            every(claim, (ask(claim, node.msi_map, lambda _: True), found.isolated)),
        )

    def _bridge_default(self, node: Node) -> Domain:
        """The host bridge's msi-parent, else a domain attached to the bridge itself."""
        if node.msi_parent is not None:
            return self._parent(node, node.msi_parent)
        if isinstance(node.compatible, Fact) and _PLAIN_BRIDGES & set(node.compatible.value):
            return no_domain(f"{node.path} has an MSI controller inside", node.compatible)
        claim = f"{node.path} has an MSI controller inside, which isolates"
        return Domain(
            ask(claim, node.compatible, lambda _: None),
            ask(claim, node.compatible, lambda _: False),
        )

    def _platform(self, name: str) -> Domain:
        """Only the device's own msi-parent counts: of_msi_configure()."""
        own = self._wiring.of_nodes.get(name)
        if own is None or (isinstance(own, Gap) and own.why != "absent"):
            return unknown(f"{name}: its node is known", own or self._nodes)
        if isinstance(own, Gap):
            return no_domain(f"{name} has a node with an msi-parent", self._nodes)
        node = self._nodes.value.get(own.value)
        if node is None or node.msi_parent is None:
            return no_domain(f"{name} has an msi-parent of its own", own)
        return self._parent(node, node.msi_parent)

    def _parent(self, node: Node, parent: Reading[tuple[int, ...]]) -> Domain:
        claim = f"msi-parent of {node.path} names a controller"
        if isinstance(parent, Gap):
            return unknown(claim, parent)
        controllers = [self.controller(found) for found in self._parents(parent.value)]
        if not controllers:
            return no_domain(claim, parent)
        return first_of(claim, controllers)

    def _parents(self, cells: tuple[int, ...]) -> Iterator[Node]:
        at = 0
        while at < len(cells) and cells[at] in self._by_phandle:
            node = self._by_phandle[cells[at]]
            yield node
            at += 1 + min(node.msi_cells, len(cells))

    def controller(self, node: Node) -> Domain:
        """What an MSI controller's node makes of itself."""
        if isinstance(node.compatible, Gap):
            return unknown(f"{node.path} says what it is", node.compatible)
        kinds = set(node.compatible.value)
        claim = f"{node.path} is an MSI controller that isolates"
        no = ask(claim, node.compatible, lambda _: False)
        if kinds & _ITS:
            return self._its(node, claim)
        if _V2M in kinds or node.mbi_ranges:
            # A frame's status is not looked at (POLICY 10.5, 5).
            return Domain(ask(f"{node.path} is a doorbell", node.compatible, lambda _: True), no)
        exists = ask(f"{node.path} has a driver", node.compatible, lambda _: None)
        return Domain(exists, no)

    def _its(self, node: Node, claim: str) -> Domain:
        parts = [
            ask(f"{node.path} is an ITS", node.compatible, lambda _: node.msi_controller),
            self._enabled(node),
            self._alive,
        ]
        exists = every(f"{node.path} is an ITS that the kernel uses", parts)
        pre_its = f"{node.path} is not behind a Socionext pre-ITS"
        plain = ask(pre_its, node.compatible, lambda _: not node.pre_its)
        return Domain(exists, every(claim, (exists, plain)))

    def _enabled(self, node: Node) -> Answer:
        claim = f"{node.path} is enabled"
        if node.status is None:
            return ask(claim, node.compatible, lambda _: True)
        return ask(claim, node.status, lambda _: node.enabled)

    def all_isolated(self) -> Answer:
        """Whether no node makes a domain without isolation (v4.11 to v6.2, POLICY 4.3)."""
        parts = [answer for node in self._nodes.value.values() for answer in self._flagged(node)]
        claim = "every MSI controller of the device tree isolates"
        return every(claim, parts, over=self._nodes)

    def _flagged(self, node: Node) -> Iterator[Answer]:
        kinds = set(node.compatible.value) if isinstance(node.compatible, Fact) else set[str]()
        claim = f"{node.path} makes no MSI domain without isolation"
        if kinds & _ITS:
            its = self.controller(node)
            yield some(claim, (~its.exists, its.isolated))
        elif _V2M in kinds:
            yield self._frame(node, claim)
        elif node.mbi_ranges:
            yield ask(claim, node.compatible, lambda _: False)
        elif node.msi_controller:
            known = any(kind.startswith(_UNFLAGGED) for kind in kinds)
            certain = known and node.enabled is True
            yield ask(claim, node.compatible, lambda _: False if certain else None)
        elif node.path.rpartition("/")[2].startswith(("pcie@", "pci@")):
            plain = bool(kinds & _PLAIN_BRIDGES) or node.enabled is False
            yield ask(claim, node.compatible, lambda _: True if plain else None)

    def _frame(self, node: Node, claim: str) -> Answer:
        """A GICv2m frame counts, but below a GICv3 only where LPIs cannot be used."""
        parent = self._nodes.value.get(node.path.rpartition("/")[0])
        above = parent.compatible if parent is not None else None
        if isinstance(above, Fact) and _GIC_V3 in above.value:
            return every(claim, (self._alive,))
        return ask(claim, node.compatible, lambda _: False)


def lookup(entries: tuple[MapEntry, ...], mask: int, rid: int) -> int | None:
    """of_map_id(): the phandle for a requester id; None where nothing matches or the map is bad."""
    masked = rid & mask
    for entry in entries:
        if entry.first & ~mask:
            return None
        if entry.first <= masked < entry.first + entry.length:
            return entry.controller
    return None
