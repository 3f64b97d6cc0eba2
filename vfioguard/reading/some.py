"""Reading some groups, and what speaks for the whole machine, if that decides about them.

Else the whole host is read: a device of another group may tell what a remapping unit does. A host
of 16,384 groups takes 250,000 system calls, one of its groups takes 150.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import alone
from vfioguard.kernel import devices, iommu_class, iommu_groups, module_param
from vfioguard.kernel.devices import Device
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.kernel.identity.site import Site
from vfioguard.kernel.interrupts import all_chips, irq
from vfioguard.kernel.interrupts.all_chips import Chips
from vfioguard.kernel.members import Members
from vfioguard.reading import group_members, take
from vfioguard.reading.earlier import Earlier
from vfioguard.reading.msi_capability import remapping_seen, wired_remapped, with_capability
from vfioguard.reading.take import Boot
from vfioguard.root import Directory, Root
from vfioguard.snapshot import Interrupts, Snapshot

_INTEL_GRAPHICS = "0000:00:02.0"


class Asked:
    """What somebody asks about: PCI functions by name, and groups by number.

    `pinned`: a policy is pinned, which may be an older kernel's.
    """

    def __init__(
        self, functions: Collection[str] = (), groups: Collection[int] = (), *, pinned: bool = False
    ) -> None:
        self.functions = functions
        self.groups = groups
        self.pinned = pinned


def take_for(root: Root, asked: Asked) -> Snapshot:
    """Read the groups of what is asked about, or the whole host if they do not decide.

    The verdicts on these groups are those that the whole host gives. Every failure is a gap.
    """
    still = take.boot(root)
    return _few(root, still, asked) or take.complete(root, still, Earlier())


def few(root: Root, asked: Asked) -> Snapshot | None:
    """The Snapshot of these groups alone. Returns None if they do not decide."""
    return _few(root, take.boot(root), asked)


def _few(root: Root, still: Boot, asked: Asked) -> Snapshot | None:
    if not is_x86(still.kernel.arch):
        return None
    irqs = irq.directory(root)
    groups = _groups(root, irqs, asked)
    chips = all_chips.read(root, irqs) if groups else None
    if groups is None or chips is None:
        return None
    among = [device.name for members in groups for device in members.devices]
    iommus = iommu_class.read(root, among)
    if isinstance(iommus, Gap) or not _linked(groups, iommus.value):
        return None
    interrupts = take.interrupts(root, irqs, Earlier(), x86=True)
    seen = _seen(interrupts, groups, chips)
    if seen is None:
        return None
    bus = root.under(devices.PCI)
    if any(_asks_others(function) for function in _functions(groups)):
        return None
    overrides = take.parameters(root, still.kernel)
    snapshot = Snapshot(
        kernel=still.kernel,
        parameters=overrides,
        iommus=iommus,
        interrupts=interrupts,
        groups=Fact(_with_capabilities(bus, groups, seen=seen), b"", iommu_groups.PATH),
        devices=(),
        acpi=still.acpi,
        wiring=None,
        machine=still.machine,
        processor=still.processor,
        chipset=None if seen else _chipset(bus, irqs),
        modules=module_param.modules(root, overrides),
        container=take.container(root, still.kernel, overrides, interrupts.log, None),
        site=Site(root),
        denylist=take.denylist(root, still.kernel, _functions(groups)),
        unloadable=take.unloadable(root, still.kernel),
        beside=frozenset([each.group.id for each in groups if not _is_asked(each, asked)]),
    )
    return snapshot if alone.stands(snapshot, chips, pinned=asked.pinned) else None


def _groups(root: Root, irqs: Directory, asked: Asked) -> tuple[Members, ...] | None:
    """The groups by number, with those of the physical functions that virtual ones ask for.

    Returns None if the links of devices and the lists of groups differ, or if memory stays mapped
    for a device: tables name it by its way.
    """
    bus = root.under(devices.PCI)
    numbers, wanted = set(asked.groups), set(asked.functions)
    try:
        for path in (devices.PCI, iommu_groups.PATH):
            root.subdirectories(path)  # fails if the directory cannot be listed
    except OSError:
        return None
    for name in asked.functions:
        number = devices.group(bus, name)
        if isinstance(number, Gap):
            return None
        numbers.add(number)
    reader = iommu_groups.GroupReader(root.under(iommu_groups.PATH))
    groups: dict[int, Members] = {}
    while numbers:
        number = numbers.pop()
        members = _members(root, irqs, reader, number)
        if members is None:
            return None
        groups[number] = members
        for owner in _owners(members):
            holder = devices.group(bus, owner)
            if isinstance(holder, Gap):
                return None
            wanted.add(owner)
            if holder not in groups:
                numbers.add(holder)
    named = {device.name for members in groups.values() for device in members.devices}
    if not named.issuperset(wanted):
        return None
    return tuple([groups[number] for number in sorted(groups)])


def _members(
    root: Root, irqs: Directory, reader: iommu_groups.GroupReader, number: int
) -> Members | None:
    bus = root.under(devices.PCI)
    entries = reader.members(number)
    if isinstance(entries, Gap):
        return None
    names = sorted(entry.name for entry in entries.value if devices.is_pci(entry.name))
    functions = [devices.read_pci(bus, irqs, name) for name in names]
    if any(function.group != number for function in functions):
        return None
    group = reader.group(number)
    if group.name is not None:
        return None  # it may be a no-IOMMU group: whether others are counts
    if isinstance(group.reserved_regions, Gap) or _kept(group.reserved_regions.value):
        return None
    members = group_members.with_others(root, irqs, number, entries.value, functions)
    return Members(group, members, entries)


def _is_asked(members: Members, asked: Asked) -> bool:
    if members.group.id in asked.groups:
        return True
    return any(device.name in asked.functions for device in members.devices)


def _owners(members: Members) -> list[str]:
    """The physical functions of members on VFIO: they may ask for a token (blocker/vf_token.py)."""
    owners = [device.vfio.physfn for device in members.devices if device.vfio is not None]
    return [owner.value for owner in owners if isinstance(owner, Fact)]


def _kept(regions: Iterable[iommu_groups.Region]) -> bool:
    return any(region.type.startswith("direct") for region in regions)


def _linked(groups: tuple[Members, ...], units: tuple[iommu_class.Iommu, ...]) -> bool:
    """Whether each unit shows which of the devices it manages, and each other device has a unit.

    A device that no unit links to may be left out by a reading of the whole host.
    """
    managed: set[str] = set()
    for unit in units:
        if isinstance(unit.devices, Gap):
            return False
        managed.update(unit.devices.value)
    others = [d for members in groups for d in members.devices if not devices.is_pci(d.name)]
    return all(device.bus not in {"", "pci"} and device.name in managed for device in others)


def _seen(interrupts: Interrupts, groups: tuple[Members, ...], chips: Chips) -> bool | None:
    """Whether some interrupt is remapped; None if only a device of another group may tell."""
    own = [device for members in groups for device in members.devices]
    if wired_remapped(interrupts) or remapping_seen(interrupts, own):
        return True
    return None if chips.remapped else False


def _functions(groups: tuple[Members, ...]) -> tuple[Device, ...]:
    return tuple(d for members in groups for d in members.devices if devices.is_pci(d.name))


def _asks_others(function: Device) -> bool:
    """Whether functions that are not read bear on the attach of this one.

    Intel's graphics ask for the chipset (blocker/igd.py). A virtual function asks for its owner,
    which may not be known.
    """
    if function.name == _INTEL_GRAPHICS:
        return True
    owner = function.vfio.physfn if function.vfio is not None else None
    return isinstance(owner, Gap) and owner.why is not Why.ABSENT


def _with_capabilities(
    bus: Directory, groups: tuple[Members, ...], *, seen: bool
) -> tuple[Members, ...]:
    return tuple(
        members._replace(
            devices=tuple(
                with_capability(bus, device, None, seen=seen)
                if devices.is_pci(device.name)
                else device
                for device in members.devices
            )
        )
        for members in groups
    )


def _chipset(bus: Directory, irqs: Directory) -> Reading[tuple[str, int]] | None:
    from vfioguard.kernel.pci import chipset  # most hosts remap interrupts

    return chipset.revision(bus, [devices.read_pci(bus, irqs, chipset.HOST_BRIDGE)])
