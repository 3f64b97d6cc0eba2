"""Bring a Snapshot up to date by reading little; the result equals a reading of the whole host.

A function returns None if the little that it reads does not tell. Then the caller reads the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.fact import Fact, Gap, printable
from vfioguard.kernel import devices, iommu_class, iommu_groups, module_param, sriov
from vfioguard.kernel.devices import Device
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.interrupts import irq
from vfioguard.kernel.members import Members, every_device, position
from vfioguard.kernel.pci import pci_topology
from vfioguard.reading import group_members, memory_holders
from vfioguard.reading.msi_capability import remapping_seen, wired_remapped, with_capability
from vfioguard.reading.take import container, parameters, unloadable
from vfioguard.root import Directory, Root
from vfioguard.snapshot import DENYLIST, Snapshot
from vfioguard.unchanged import keep


def overrides(root: Root, before: Snapshot) -> Snapshot:
    """The Snapshot with the module parameters of now: a dozen system calls."""
    current = keep(parameters(root, before.kernel), before.parameters)
    loaded = module_param.modules(root, current)
    denied = before.denylist
    if denied is not None:
        denied = keep(module_param.read(root, *DENYLIST, before.kernel.cmdline), denied)
    why = keep(unloadable(root, before.kernel), before.unloadable)
    same = current is before.parameters and denied is before.denylist
    if same and loaded == before.modules and why is before.unloadable:
        return before
    log, provider = before.interrupts.log, before.container
    provider = container(root, before.kernel, current, log, provider)
    return before._replace(
        parameters=current,
        modules=loaded,
        container=provider,
        denylist=denied,
        unloadable=why,
    )


def unannounced(root: Root, groups: Iterable[Members]) -> Iterator[str]:
    """The names of PCI functions in `groups` that changed without a uevent (policy.md 7).

    Their MSIs, the chip of their MSIs, or their group's type changed, or their virtual functions
    went. drivers/pci/iov.c sriov_disable() (6.12) tells that these go, and a second later writes
    their number, of which nothing tells. Takes 11 system calls each.
    """
    bus, irqs = root.under(devices.PCI), irq.directory(root)
    reader = iommu_groups.GroupReader(root.under(iommu_groups.PATH))
    for members in groups:
        typed = reader.type(members.group.id) == members.group.type
        for device in members.devices:
            if device.bus != "pci":
                continue
            name, msi = device.name, (device.msi_irqs, device.chip)
            if (
                not typed
                or devices.msi(bus, irqs, name) != msi
                or (device.vfs is not None and sriov.ended(bus, name))
            ):
                yield name


def same_functions(before: Snapshot, names: Iterable[str]) -> bool:
    """Whether `names` are exactly the PCI functions of `before`."""
    every = every_device(before.groups, before.devices)
    known = {device.name for device in every if device.bus == "pci"}
    return known == set(map(printable, names))


def function(root: Root, before: Snapshot, name: str) -> Snapshot | None:
    """The Snapshot with the PCI function `name` and its group as they are now: 18 system calls.

    Returns None if the function is new, gone or in another group, if a unit has it now and had it
    not, or if more than its group may be affected.
    """
    bus = root.under(devices.PCI)
    now = devices.read_pci(bus, irq.directory(root), name)
    old, members = _find(before, name, now.group)
    if old is None or old.group != now.group or _linked_since(bus, before, name, members):
        return None
    x86 = is_x86(before.kernel.arch)
    if x86:
        known = _capability(bus, before, old, now)
        if known is None:
            return None
        now = known
    elif before.wiring and before.wiring.places.get(name) != pci_topology.read(bus, name):
        return None
    if members is None:
        if x86:
            now = memory_holders.of_device(bus, now, needed=True)
        alone = tuple([now if device is old else device for device in before.devices])
        return before if now == old else before._replace(devices=alone)
    again = group_members.again(root, members, now)
    if again is None:
        return None
    return _with(
        before, members, keep(memory_holders.of_group(bus, again), members) if x86 else again
    )


def _find(before: Snapshot, name: str, group: int | Gap) -> tuple[Device | None, Members | None]:
    """The PCI function `name` in `group`, as both were; None for each that was not there."""
    if isinstance(group, Gap):
        return next((device for device in before.devices if device.name == name), None), None
    members = before.group(group)
    among = [device for device in (members.devices if members else ()) if device.bus == "pci"]
    return next((device for device in among if device.name == name), None), members


def _linked_since(bus: Directory, before: Snapshot, name: str, members: Members | None) -> bool:
    """Whether a unit of the IOMMU has the function now, and none had it.

    On Arm up to v6.14 the kernel tells of a new function first. When its driver comes, it gives the
    function to a unit, makes its group, and then tells of the driver: drivers/iommu/iommu.c
    iommu_init_device() (6.12). A reading in between sees the group, but not yet the unit's link.
    """
    if members is None or members.complete.source.startswith(iommu_class.PATH):
        return False
    units = before.iommus.value if isinstance(before.iommus, Fact) else ()
    if any(isinstance(unit.devices, Fact) and name in unit.devices.value for unit in units):
        return False
    try:
        bus.readlink(f"{name}/iommu")
    except OSError:
        return False
    return True


def _with(before: Snapshot, old: Members, new: Members) -> Snapshot:
    if new is old:
        return before
    assert isinstance(before.groups, Fact), "`old` is one of its groups"
    groups = list(before.groups.value)
    index = position(before.groups.value, old.group.id)
    assert index is not None, "`old` is one of them"
    groups[index] = new
    return before._replace(groups=before.groups._replace(value=tuple(groups)))


def _capability(bus: Directory, before: Snapshot, old: Device, now: Device) -> Device | None:
    """The function of an x86 with its MSI capability, if a policy needs it.

    Returns None if the change may decide whether other functions' capabilities are needed.
    """
    if wired_remapped(before.interrupts):
        return now
    if any(isinstance(d.chip, Fact) and d.chip.value.startswith(irq.REMAPPED) for d in (old, now)):
        return None
    every = every_device(before.groups, before.devices)
    seen = remapping_seen(before.interrupts, every)
    return with_capability(bus, now, old, seen=seen)
