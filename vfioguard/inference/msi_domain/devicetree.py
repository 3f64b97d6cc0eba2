"""The device tree's way to an MSI domain: msi-map, msi-parent, and the domain of the bus.

drivers/of/base.c of_map_id(), drivers/of/irq.c of_msi_get_domain(), drivers/pci/probe.c
pci_set_bus_msi_domain(); policy.md 3.9, and 10.3 for what real kernels did.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import borders, of_map
from vfioguard.inference.borders import Version
from vfioguard.inference.msi_domain import claims, devicetree_buses
from vfioguard.inference.msi_domain.devicetree_controllers import Controllers
from vfioguard.inference.msi_domain.resolution import Domain, either, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.firmware.devicetree import Node
from vfioguard.kernel.firmware.wiring import Wiring
from vfioguard.kernel.pci.pci_topology import requester_id
from vfioguard.logic import Answer, ask, every


class DeviceTreeDomains:
    """Resolves devices of a host that booted with a device tree."""

    def __init__(self, wiring: Wiring, controllers: Controllers, version: Version | None) -> None:
        self._wiring = wiring
        self._controllers = controllers
        self._nodes = controllers.nodes
        self._version = version
        #: Path of a host bridge -> the answer of `_ports_say_more`.
        self._below: dict[str, bool] = {}

    def all_isolated(self) -> Answer:
        """Whether no node makes a domain without isolation (v4.11 to v6.2)."""
        return self._controllers.all_isolated()

    def domain(self, device: Device) -> Domain:
        """The domain of one device."""
        if is_pci(device.name):
            return self._pci(device.name)
        if device.bus == "platform":
            return self._platform(device.name)
        if device.bus in {"fsl-mc", "cdx"}:
            own = devicetree_buses.fsl_mc if device.bus == "fsl-mc" else devicetree_buses.cdx
            return own(self, self._nodes, device, self._version)
        return unknown(claims.way_known(device.name), device.uevent)

    def _pci(self, name: str) -> Domain:
        place = self._wiring.places.get(name)
        if place is None or isinstance(place, Gap):
            return unknown(claims.place_known(name), place or self._nodes)
        bridge = self._wiring.of_nodes.get(place.value.root_bus)
        if bridge is None or isinstance(bridge, Gap):
            return unknown(claims.bridge_known(name), bridge or place)
        node = self._nodes.value.get(bridge.value)
        if self._ports_say_more(bridge.value):
            return unknown(claims.ports_silent(bridge.value), self._nodes)
        if node is None:
            return no_domain(claims.says_anything(bridge.value), bridge)
        chain = [self._mapped(node, name)]
        chain += [self._mapped(node, above) for above in reversed(place.value.bridges)]
        chain.append(self._bridge_default(node))
        return first_of(name, chain)

    def _ports_say_more(self, bridge: str) -> bool:
        """Whether a node below the host bridge speaks of MSIs.

        A function's own node comes before its host bridge's, and nobody reads which node is whose.
        """
        if bridge not in self._below:
            self._below[bridge] = any(
                path.startswith(f"{bridge}/") and (node.msi_map or node.msi_parent) is not None
                for path, node in self._nodes.value.items()
            )
        return self._below[bridge]

    def _mapped(self, node: Node, name: str) -> Domain:
        """The controller that msi-map names for the function's requester id."""
        rid = requester_id(name, self._wiring.places)
        if isinstance(rid, Gap):
            return unknown(claims.rid_known(name), rid)
        if node.msi_map is None:
            return no_domain(claims.has(node, "msi-map"), self._nodes)
        if isinstance(node.msi_map, Gap):
            if node.msi_map.why == "malformed":  # its cells are not whole
                return no_domain(claims.valid_map(node), self._nodes)
            return unknown(claims.readable(node, "msi-map"), node.msi_map)
        mask = of_map.ALL_BITS
        if isinstance(node.msi_map_mask, Fact):
            mask = node.msi_map_mask.value
        elif node.msi_map_mask is not None and node.msi_map_mask.why != "malformed":
            return unknown(claims.readable(node, "msi-map-mask"), node.msi_map_mask)
        claim = claims.covers(node, f"{name} (id {rid:#x})")
        cells = node.msi_map.value
        forms: list[int | Gap | None] = []
        newer = borders.OF_MAP_CELLS.passed(self._version)
        if newer is not True:
            forms.append(of_map.old(cells, mask, rid))
        if newer is not False:
            forms.append(of_map.new(cells, mask, rid, self._width))
        domains = [self._to(claim, node.msi_map, form) for form in forms]
        return either(claim, domains, node.msi_map)

    def _to(self, claim: str, proof: Fact[tuple[int, ...]], phandle: int | Gap | None) -> Domain:
        """The domain that a lookup in a map leads to."""
        if isinstance(phandle, Gap):
            return unknown(claim, phandle)
        if phandle is None:
            return no_domain(claim, proof)
        return self.target(claim, proof, phandle)

    def target(self, claim: str, proof: Fact[tuple[int, ...]], phandle: int) -> Domain:
        """The domain of the controller that has this phandle."""
        controller = self._by_phandle(phandle)
        if controller is None:
            hidden = self._controllers.hidden
            return unknown(claim, hidden) if hidden else no_domain(claim, proof)
        domain = self._controllers.domain(controller)
        covered = ask(claim, proof, lambda _: True)
        there, isolates = claims.leads_to(claim, controller)
        return Domain(
            every(there, (covered, domain.exists)), every(isolates, (covered, domain.isolated))
        )

    def _width(self, phandle: int) -> int | Gap | None:
        """The number of cells of a controller's id in a map: one if its node does not say.

        Returns None if no node has the phandle, a gap if the number is not known.
        """
        node = self._by_phandle(phandle)
        if node is None:
            return self._controllers.hidden
        cells: Reading[int] | None = node.msi_cells
        if isinstance(cells, Gap):
            return 1 if cells.why == "malformed" else cells
        return 1 if cells is None else cells.value

    def _by_phandle(self, phandle: int) -> Node | None:
        return self._controllers.by_phandle.get(phandle)

    def _bridge_default(self, node: Node) -> Domain:
        """The domain by the host bridge's msi-parent, else the one attached to the bridge."""
        inside = self._controllers.inside(node)
        if node.msi_parent is None:
            return inside
        root_bus = f"the root bus below {node.path}"
        return first_of(root_bus, (self._parent(node, node.msi_parent, pci=True), inside))

    def _platform(self, name: str) -> Domain:
        """The domain by the device's own msi-parent, which alone counts: of_msi_configure()."""
        own = self._wiring.of_nodes.get(name)
        if own is None or (isinstance(own, Gap) and own.why != "absent"):
            return unknown(claims.node_known(name), own or self._nodes)
        if isinstance(own, Gap):
            return no_domain(claims.node_with_parent(name), self._nodes)
        node = self._nodes.value.get(own.value)
        if node is None or node.msi_parent is None:
            return no_domain(claims.own_parent(name), own)
        return self._parent(node, node.msi_parent, pci=False)

    def parent(self, node: Node) -> Domain:
        """The domain that the msi-parent of a bus's node leads to."""
        if node.msi_parent is None:
            return no_domain(claims.has(node, "msi-parent"), node.compatible)
        return self._parent(node, node.msi_parent, pci=True)

    def _parent(self, node: Node, parent: Reading[tuple[int, ...]], *, pci: bool) -> Domain:
        claim = claims.names_controller(node)
        if isinstance(parent, Gap):
            return unknown(claim, parent)
        forms: list[Domain] = []
        newer = borders.MSI_PARENT_CELLS.passed(self._version)
        if newer is not True:
            forms.append(self._old_parent(node, parent, pci=pci))
        if newer is not False:
            domains = self._parents(claim, parent)
            forms.append(_first(node, domains) if domains else no_domain(claim, parent))
        return either(claim, forms, parent)

    def _old_parent(self, node: Node, parent: Fact[tuple[int, ...]], *, pci: bool) -> Domain:
        """The domain by of_msi_get_domain() of 5.10.223.

        A bus does not get the domain of a controller that has #msi-cells.
        """
        claim = claims.names_controller(node)
        first = self._by_phandle(parent.value[0]) if parent.value else None
        hidden = self._controllers.hidden
        if first is None and hidden is not None and parent.value[:1] != (0,):
            return unknown(claim, hidden)
        if first is not None and first.msi_cells is None:
            return self._controllers.domain(first)
        domains = [] if pci else self._parents(claim, parent, old=True)
        return _first(node, domains) if domains else no_domain(claim, parent)

    def _parents(
        self, claim: str, parent: Fact[tuple[int, ...]], *, old: bool = False
    ) -> list[Domain]:
        """The domains of the controllers that msi-parent names.

        of_for_each_phandle() stops at a phandle without a node, and at arguments that do not fit.
        `old` is of_parse_phandle_with_args(), which also stops at a phandle of 0, and at a node
        without #msi-cells.
        """
        domains: list[Domain] = []
        cells = list(reversed(parent.value))
        while cells:
            phandle = cells.pop()
            if phandle == 0:
                if old:
                    break
                continue
            node = self._by_phandle(phandle)
            count = None if node is None else node.msi_cells
            hidden = self._controllers.hidden if node is None else count
            if (node is None and cells and not old) or isinstance(hidden, Gap):
                domains.append(unknown(claim, hidden if isinstance(hidden, Gap) else parent))
                break
            wanted = count.value if isinstance(count, Fact) else 0
            if node is None or wanted > len(cells) or (old and count is None):
                break
            domains.append(self._controllers.domain(node))
            del cells[len(cells) - wanted :]
        return domains


def _first(node: Node, domains: list[Domain]) -> Domain:
    return first_of(f"{node.path}, by its msi-parent,", domains)
