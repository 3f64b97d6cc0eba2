"""MSI domains of the buses whose devices have no node of their own: fsl-mc's and CDX's.

drivers/bus/fsl-mc/{fsl-mc-bus,fsl-mc-msi,dprc-driver}.c, drivers/cdx/{cdx,cdx_msi}.c.
"""

from __future__ import annotations

from typing import Protocol

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.inference.msi_domain.resolution import Domain, either, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware.devicetree import PATH, Node, Nodes


class Lookups(Protocol):
    """What a device tree says of one property."""

    def parent(self, node: Node) -> Domain:
        """The domain that the msi-parent of a bus's node leads to."""
        ...

    def target(self, claim: str, proof: Fact[tuple[int, ...]], phandle: int) -> Domain:
        """The domain of the controller that has a phandle."""
        ...


def fsl_mc(lookups: Lookups, nodes: Fact[Nodes], device: Device, version: Version | None) -> Domain:
    """A DPRC has the domain that its bus's node names; its objects have the same, or none.

    A DPRC gets it from the driver that is bound to it (dprc_setup()), which an attach wants anyway.
    """
    claim = f"{device.name} has the MSI domain of its DPRC"
    node = _only(nodes, "fsl,qoriq-mc")
    if node is None:
        return no_domain(claim, nodes)
    if isinstance(node, Gap):
        return unknown(claim, node)
    forms: list[Domain] = []
    newer = borders.FSL_MC_DPRC_ALONE.passed(version)
    if newer is not True:
        forms.append(_by_some_id(lookups, claim, node))
    if newer is not False:
        forms.append(lookups.parent(node) if is_dprc(device) else no_domain(claim, device.uevent))
    return either(claim, forms, device.uevent)


def is_dprc(device: Device) -> bool:
    """Whether an object of fsl-mc is a container of others (fsl_mc_device_add(): "%s.%d")."""
    return device.name.startswith("dprc.")


def _by_some_id(lookups: Lookups, claim: str, node: Node) -> Domain:
    """fsl_mc_find_msi_domain(): msi-map by the container's ICID, which no file shows."""
    parent = lookups.parent(node)
    if node.msi_map is None:
        return parent
    if isinstance(node.msi_map, Gap):
        return unknown(claim, node.msi_map)
    proof = node.msi_map
    mapped = [lookups.target(claim, proof, phandle) for phandle in set(proof.value[1::4])]
    forms = [first_of(claim, (domain, parent)) for domain in mapped]
    return either(claim, [*forms, parent], proof)


def cdx(lookups: Lookups, nodes: Fact[Nodes], device: Device, version: Version | None) -> Domain:
    """A device's domain has that of the first controller of the bus's msi-map as its parent."""
    claim = f"{device.name} has an MSI domain below that of its bus's msi-map"
    none = no_domain(claim, device.uevent)
    if ":" not in device.name:
        return none  # the bus itself: cdx_bus_add() sets none
    node = _only(nodes, "xlnx,versal-net-cdx")
    if isinstance(node, Gap):
        return unknown(claim, node)
    if node is None or node.msi_map is None:
        return none
    if isinstance(node.msi_map, Gap):
        return unknown(claim, node.msi_map)
    proof = node.msi_map
    if len(proof.value) < 2:
        return none
    found = lookups.target(claim, proof, proof.value[1])
    certain = borders.CDX_DOMAIN.passed(version)
    return found if certain else either(claim, (found, none), device.uevent)


def _only(nodes: Fact[Nodes], kind: str) -> Node | Gap | None:
    """The node of a bus that says anything of MSIs; which of several it is, no file tells."""
    found = [node for node in nodes.value.values() if _is(node.compatible, kind)]
    if len(found) > 1:
        return Gap(Why.ABSENT, PATH, f"{len(found)} nodes are {kind}")
    return found[0] if found else None


def _is(compatible: Reading[tuple[str, ...]], kind: str) -> bool:
    return isinstance(compatible, Fact) and kind in compatible.value
