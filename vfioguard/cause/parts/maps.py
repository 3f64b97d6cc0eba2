"""Where the device tree maps the ids of PCI functions to MSI controllers."""

from __future__ import annotations

from vfioguard.fact import Fact, Gap
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware.devicetree import PATH
from vfioguard.kernel.pci.pci_topology import requester_id


def msi_map(host: Host, name: str) -> str:
    """The file of the msi-map above a function; the device tree if it is not known."""
    wiring = host.snapshot.wiring
    if wiring is None:
        return PATH
    place = wiring.places.get(name)
    bridge = wiring.of_nodes.get(place.value.root_bus) if isinstance(place, Fact) else None
    return f"{PATH}{bridge.value}/msi-map" if isinstance(bridge, Fact) else PATH


def requester(host: Host, name: str) -> str:
    """The id under which a function sends, in words."""
    wiring = host.snapshot.wiring
    if wiring is None:
        return "its id"
    number = requester_id(name, wiring.places)
    return "its id" if isinstance(number, Gap) else f"id {number:#x}"
