"""What the lookups in firmware claim of a device or a node, with the words for each denial."""

from __future__ import annotations

from vfioguard.logic import Claim
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.kernel.firmware.devicetree import Node


def has_isolated(name: str) -> Claim:
    """The claim that firmware gives a device, or the bus above it, a domain that isolates."""
    return Claim(
        f"{name} has an MSI domain that isolates", f"{name} has no MSI domain that isolates"
    )


def has_domain(name: str) -> Claim:
    """The claim that firmware gives it a domain, whether or not that one isolates."""
    return Claim(f"{name} has an MSI domain", f"{name} has no MSI domain")


def leads_to(claim: str, controller: Node) -> tuple[Claim, Claim]:
    """The claims that a lookup, which finds this controller, ends at a domain; and at isolation."""
    path = controller.path
    return (
        Claim(claim, f"{path} is not in use, although {claim}"),
        Claim(claim, f"{path} is no MSI controller that isolates, and {claim}"),
    )


def place_known(name: str) -> Claim:
    """The claim that the path to a function can be read."""
    return Claim(f"{name}: its place is known", unknown=f"the place of {name} is not known")


def rid_known(name: str) -> Claim:
    """The claim that the bridges above a function tell its requester id."""
    unknown = f"the requester id of {name} is not known"
    return Claim(f"{name}: its requester id is known", unknown=unknown)


def node_known(name: str) -> Claim:
    """The claim that the node of a platform device can be read."""
    return Claim(f"{name}: its node is known", unknown=f"the node of {name} is not known")


def bridge_known(name: str) -> Claim:
    """The claim that the node of the host bridge above a function can be read."""
    unknown = f"the node of the host bridge of {name} is not known"
    return Claim(f"{name}: its host bridge's node is known", unknown=unknown)


def way_known(name: str) -> Claim:
    """The claim that is made for a device of a bus whose lookup nobody wrote down."""
    unknown = f"how the bus of {name} finds an MSI domain is not known"
    return Claim(f"{name}: its bus's way to an MSI domain is known", unknown=unknown)


def ports_silent(bridge: str) -> Claim:
    """The claim that only the host bridge's own node counts."""
    unknown = f"a node below {bridge} speaks of MSIs, and it is not known whose it is"
    return Claim(f"no node below {bridge} speaks of MSIs", unknown=unknown)


def says_anything(path: str) -> Claim:
    """The claim that a node is there and has a property of MSIs."""
    return Claim(f"{path} says anything of MSIs", f"{path} says nothing of MSIs")


def has(node: Node, what: str) -> Claim:
    """The claim that a node has a property."""
    return Claim(f"{node.path} has an {what}", f"{node.path} has no {what}")


def valid_map(node: Node) -> Claim:
    """The claim that the cells of a map are whole."""
    return Claim(f"{node.path} has a valid msi-map", f"the msi-map of {node.path} is not valid")


def readable(node: Node, what: str) -> Claim:
    """The claim that a property can be read."""
    unknown = f"the {what} of {node.path} cannot be read"
    return Claim(f"{node.path} has a readable {what}", unknown=unknown)


def covers(node: Node, what: str) -> Claim:
    """The claim that a map has an entry for an id."""
    msi_map = f"msi-map of {node.path}"
    return Claim(f"{msi_map} covers {what}", f"{msi_map} does not cover {what}")


def node_with_parent(name: str) -> Claim:
    """The claim that is false for a device without a node."""
    return Claim(f"{name} has a node with an msi-parent", f"{name} has no node in the device tree")


def own_parent(name: str) -> Claim:
    """The claim that a platform device's own node names its controller."""
    return Claim(f"{name} has an msi-parent of its own", f"{name} has no msi-parent of its own")


def names_controller(node: Node) -> Claim:
    """The claim that msi-parent leads to a controller."""
    parent = f"msi-parent of {node.path}"
    return Claim(f"{parent} names a controller", f"{parent} names no controller")
