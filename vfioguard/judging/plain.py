"""Plain groups, which are nearly all of a host: no blocker says anything of them.

no_cdev and module_not_loaded can still block them, and then block all that are alike. An IOMMU can
bring no_cache_coherency. tests/blocker/test_plain.py asks every leaf of blocker/.
"""

from __future__ import annotations

from vfioguard.blocker import Kind
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import drivers
from vfioguard.inference.witnesses import Witnesses
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.kernel.pci import denylist
from vfioguard.kernel.uevent import DISPLAY


def kinds() -> tuple[Kind, ...]:
    """The blockers that can speak of a plain group. No other is loaded for it."""
    from vfioguard.blocker import module_not_loaded, no_cdev

    return (module_not_loaded.BLOCKER, no_cdev.BLOCKER)


def is_bound(members: Members, witnesses: Witnesses) -> bool | None:
    """Whether all members of a plain group are on VFIO drivers: True if all, False if none.

    Returns None for a group that is not plain.
    """
    group, devices = members.group, members.devices
    regions = group.reserved_regions
    if group.name is not None or not isinstance(regions, Fact) or not devices:
        return None
    for region in regions.value:
        if region.type == "direct":
            return None
    bound = devices[0].vfio is not None
    for device in devices:
        if bound is not (device.vfio is not None) or not _is_plain(device):
            return None
        if bound and _may_ask_for_token(device, witnesses):
            return None
    return bound


def nodes(members: Members) -> bool | None:
    """Whether the members of a bound group have nodes of their own: True if all, False if none.

    Returns None if some have, or if it is not known.
    """
    first: bool | None = None
    for device in members.devices:
        node = device.vfio.node if device.vfio is not None else None
        if isinstance(node, Fact):
            has = True
        elif node is not None and node.why is Why.ABSENT:
            has = False
        else:
            return None
        if first is not None and has is not first:
            return None
        first = has
    return first


def _is_plain(device: Device) -> bool:
    event = device.uevent
    if device.bus != "pci" or device.vfs is not None or not isinstance(event, Fact):
        return False
    uevent = event.value
    if uevent.pci_class is None or drivers.on_vfio(uevent.driver) is not (device.vfio is not None):
        return False
    display = uevent.pci_class >> 16 == DISPLAY
    return not (display or drivers.is_bridge(device) or uevent.pci_id in denylist.ALL)


def _may_ask_for_token(device: Device, witnesses: Witnesses) -> bool:
    """Whether vfio-pci may open the device only with the token of its physical function."""
    assert device.vfio is not None, "it is on a VFIO driver"
    owner = device.vfio.physfn
    if isinstance(owner, Gap):
        return owner.why is not Why.ABSENT
    return owner.value in witnesses.tokens or owner.value not in witnesses.owners
