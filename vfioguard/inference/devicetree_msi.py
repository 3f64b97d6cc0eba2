"""The device tree's way to an MSI domain: msi-map, msi-parent, and what the bus inherits.

drivers/of/base.c of_map_id(), drivers/of/irq.c of_msi_get_domain(), drivers/pci/probe.c
pci_set_bus_msi_domain(); POLICY 3.9, and 10.5 for what real kernels did.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.inference.devicetree_controllers import Controllers
from vfioguard.inference.firmware_msi import Domain, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device, is_pci
from vfioguard.kernel.devicetree import MapEntry, Node
from vfioguard.kernel.pci_topology import requester_id
from vfioguard.kernel.wiring import Wiring
from vfioguard.logic import Answer, ask, every

_ALL_BITS = 0xFFFFFFFF


class DeviceTreeDomains:
    """Resolves devices of a host that booted with a device tree."""

    def __init__(self, wiring: Wiring, controllers: Controllers, version: Version | None) -> None:
        self._wiring = wiring
        self._controllers = controllers
        self._nodes = controllers.nodes
        self._version = version

    def all_isolated(self) -> Answer:
        """Whether no node makes a domain without isolation (v4.11 to v6.2)."""
        return self._controllers.all_isolated()

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
        bridge = self._wiring.of_nodes.get(place.value.root_bus)
        if bridge is None or isinstance(bridge, Gap):
            return unknown(f"{name}: its host bridge's node is known", bridge or place)
        node = self._nodes.value.get(bridge.value)
        if self._ports_say_more(bridge.value):
            return unknown(f"no node below {bridge.value} speaks of MSIs", self._nodes)
        if node is None:
            return no_domain(f"{bridge.value} says anything of MSIs", bridge)
        chain = [self._mapped(node, name)]
        chain += [self._mapped(node, above) for above in reversed(place.value.bridges)]
        chain.append(self._bridge_default(node))
        return first_of(f"{name} has an MSI domain that isolates", chain)

    def _ports_say_more(self, bridge: str) -> bool:
        """A function's own node comes before its host bridge's, and nobody reads whose it is."""
        return any(
            path.startswith(f"{bridge}/") and (node.msi_map or node.msi_parent) is not None
            for path, node in self._nodes.value.items()
        )

    def _mapped(self, node: Node, name: str) -> Domain:
        """The controller that msi-map names for the function's requester id."""
        rid = requester_id(name, self._wiring.places)
        if isinstance(rid, Gap):
            return unknown(f"{name}: its requester id is known", rid)
        if node.msi_map is None:
            return no_domain(f"{node.path} has an msi-map", self._nodes)
        if isinstance(node.msi_map, Gap):
            if node.msi_map.why == "malformed" and not self._counts_cells():
                return no_domain(f"{node.path} has a valid msi-map", self._nodes)
            return unknown(f"{node.path} has a readable msi-map", node.msi_map)
        mask = _ALL_BITS
        if isinstance(node.msi_map_mask, Fact):
            mask = node.msi_map_mask.value
        elif node.msi_map_mask is not None and node.msi_map_mask.why != "malformed":
            return unknown(f"{node.path} has a readable msi-map-mask", node.msi_map_mask)
        claim = f"msi-map of {node.path} covers {name} (id {rid:#x})"
        entries = node.msi_map.value
        at = lookup(entries, mask, rid)
        if self._counts_cells() and not self._plain(entries, at):
            return unknown(claim, node.msi_map)
        controller = None if at is None else self._by_phandle(entries[at].controller)
        if controller is None:
            hidden = None if at is None else self._controllers.hidden
            return unknown(claim, hidden) if hidden else no_domain(claim, node.msi_map)
        found = self._controllers.domain(controller)
        covered = ask(claim, node.msi_map, lambda _: True)
        return Domain(
            every(claim, (covered, found.exists)), every(claim, (covered, found.isolated))
        )

    def _counts_cells(self) -> bool:
        return borders.MSI_MAP_CELLS.passed(self._version) is not False

    def _plain(self, entries: tuple[MapEntry, ...], at: int | None) -> bool:
        """Whether all releases read the map alike: one cell each, no loose phandle on the way."""
        walked = entries if at is None else entries[: at + 1]
        found = [self._by_phandle(entry.controller) for entry in walked]
        cells = [node.msi_cells for node in found if node is not None]
        one = all(n is None or (isinstance(n, Fact) and n.value == 1) for n in cells)
        return one and (at is None or None not in found[:-1])

    def _by_phandle(self, phandle: int) -> Node | None:
        return self._controllers.by_phandle.get(phandle)

    def _bridge_default(self, node: Node) -> Domain:
        """The host bridge's msi-parent, then a domain attached to the bridge itself."""
        inside = self._controllers.inside(node)
        if node.msi_parent is None:
            return inside
        claim = f"the root bus below {node.path} has an MSI domain that isolates"
        return first_of(claim, (self._parent(node, node.msi_parent, pci=True), inside))

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
        return self._parent(node, node.msi_parent, pci=False)

    def _parent(self, node: Node, parent: Reading[tuple[int, ...]], *, pci: bool) -> Domain:
        claim = f"msi-parent of {node.path} names a controller"
        if isinstance(parent, Gap):
            return unknown(claim, parent)
        found = self._parents(claim, parent)
        newer = first_of(claim, found) if found else no_domain(claim, parent)
        cells = borders.MSI_PARENT_CELLS.passed(self._version) if pci else True
        if cells:
            return newer
        older = self._single_parent(claim, parent)
        if cells is False:
            return older
        alike = older.exists.truth is newer.exists.truth
        same = alike and older.isolated.truth is newer.isolated.truth
        return newer if same else unknown(f"{claim} in this release of the kernel", parent)

    def _single_parent(self, claim: str, parent: Fact[tuple[int, ...]]) -> Domain:
        """What a host bridge had before #msi-cells counted: the first, and only without cells."""
        phandle = parent.value[0] if parent.value else 0
        first, hidden = self._by_phandle(phandle), self._controllers.hidden
        if first is None and phandle and hidden is not None:
            return unknown(claim, hidden)
        if first is None or first.msi_cells is not None:
            return no_domain(claim, parent)
        return self._controllers.domain(first)

    def _parents(self, claim: str, parent: Fact[tuple[int, ...]]) -> list[Domain]:
        """of_for_each_phandle(): it stops at a loose phandle, and at arguments that do not fit."""
        found: list[Domain] = []
        cells = list(reversed(parent.value))
        while cells:
            phandle = cells.pop()
            if phandle == 0:
                continue
            node = self._by_phandle(phandle)
            count = None if node is None else node.msi_cells
            hidden = self._controllers.hidden if node is None else count
            if (node is None and cells) or isinstance(hidden, Gap):
                found.append(unknown(claim, hidden if isinstance(hidden, Gap) else parent))
                break
            wanted = count.value if isinstance(count, Fact) else 0
            if node is None or wanted > len(cells):
                break
            found.append(self._controllers.domain(node))
            del cells[len(cells) - wanted :]
        return found


def lookup(entries: tuple[MapEntry, ...], mask: int, rid: int) -> int | None:
    """of_map_id(): which entry has a requester id; None where none has, or the map is bad."""
    masked = rid & mask
    for at, entry in enumerate(entries):
        if entry.first & ~mask & _ALL_BITS:
            return None
        if entry.first <= masked < (entry.first + entry.length) & _ALL_BITS:
            return at
    return None
