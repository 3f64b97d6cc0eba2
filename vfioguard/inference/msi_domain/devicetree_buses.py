"""MSI domains on buses whose devices have no node of their own: fsl-mc and CDX.

drivers/bus/fsl-mc/{fsl-mc-bus,fsl-mc-msi,dprc-driver}.c, drivers/cdx/{cdx,cdx_msi}.c.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.inference.msi_domain.resolution import Domain, either, first_of, no_domain, unknown
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware.devicetree import PATH, Node, Nodes
from vfioguard.logic import Claim
from vfioguard.typed import Protocol


class Lookups(Protocol):
    """The lookups in a device tree that a bus needs."""

    def parent(self, node: Node) -> Domain:
        """The domain that the msi-parent of a bus's node leads to."""
        ...

    def target(self, claim: str, proof: Fact[tuple[int, ...]], phandle: int) -> Domain:
        """The domain of the controller that has this phandle."""
        ...


def fsl_mc(lookups: Lookups, nodes: Fact[Nodes], device: Device, version: Version | None) -> Domain:
    """The domain of a device of fsl-mc.

    A DPRC has the domain that its bus's node names; its objects have the same domain, or none. The
    driver that is bound to a DPRC sets it (dprc_setup()); an attach needs that driver anyway.
    """
    claim = Claim(
        f"{device.name} has the MSI domain of its DPRC",
        f"{device.name} has no MSI domain of a DPRC",
    )
    node = _only(nodes, "fsl,qoriq-mc")
    if node is None:
        return no_domain(claim, nodes)
    if isinstance(node, Gap):
        return unknown(claim, node)
    forms: list[Domain] = []
    newer = borders.FSL_MC_DPRC_ALONE.passed(version)
    if newer is not True:
        forms.append(_by_some_id(lookups, device.name, claim, node))
    if newer is not False:
        forms.append(lookups.parent(node) if is_dprc(device) else no_domain(claim, device.uevent))
    return either(claim, forms, device.uevent)


def is_dprc(device: Device) -> bool:
    """Whether a device of fsl-mc is a container of others (fsl_mc_device_add(): "%s.%d")."""
    return device.name.startswith("dprc.")


def _by_some_id(lookups: Lookups, name: str, claim: str, node: Node) -> Domain:
    """The domain by msi-map and the container's ICID: fsl_mc_find_msi_domain().

    No file shows the ICID, so all entries of the map must agree.
    """
    parent = lookups.parent(node)
    if node.msi_map is None:
        return parent
    if isinstance(node.msi_map, Gap):
        return unknown(claim, node.msi_map)
    proof = node.msi_map
    mapped = [lookups.target(claim, proof, phandle) for phandle in set(proof.value[1::4])]
    forms = [first_of(name, (domain, parent)) for domain in mapped]
    return either(claim, [*forms, parent], proof)


def cdx(lookups: Lookups, nodes: Fact[Nodes], device: Device, version: Version | None) -> Domain:
    """The domain of a device of CDX: a child of the first controller's in the bus's msi-map."""
    claim = Claim(
        f"{device.name} has an MSI domain below that of its bus's msi-map",
        f"{device.name} has no MSI domain by its bus's msi-map",
    )
    none = no_domain(claim, device.uevent)
    if ":" not in device.name:
        return none  # this is the bus itself, for which cdx_bus_add() sets no domain
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
    domain = lookups.target(claim, proof, proof.value[1])
    certain = borders.CDX_DOMAIN.passed(version)
    return domain if certain else either(claim, (domain, none), device.uevent)


def _only(nodes: Fact[Nodes], kind: str) -> Node | Gap | None:
    """The only node of this kind; None if there is none.

    If there are several, returns a gap, because no file tells which of them is the bus.
    """
    buses = [node for node in nodes.value.values() if _is(node.compatible, kind)]
    if len(buses) > 1:
        return Gap(Why.ABSENT, PATH, f"{len(buses)} nodes are {kind}")
    return buses[0] if buses else None


def _is(compatible: Reading[tuple[str, ...]], kind: str) -> bool:
    return isinstance(compatible, Fact) and kind in compatible.value
