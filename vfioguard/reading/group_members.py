"""Which devices are in which IOMMU group: one system call a device, but five for a group's list.

A device's `iommu_group` link names its group. A group is listed only if some of its members may not
have been found that way (iommu_groups.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.kernel import devices, iommu_class, iommu_groups
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import LINKS, Members
from vfioguard.reading.earlier import Earlier
from vfioguard.root import Directory, Root
from vfioguard.unchanged import keep


def read(
    root: Root,
    irqs: Directory,
    iommus: Reading[tuple[iommu_class.Iommu, ...]],
    functions: Reading[tuple[Device, ...]],
    earlier: Earlier,
) -> Reading[tuple[Members, ...]]:
    """Every group with its devices, by number. `functions` are the PCI functions, already read.

    Returns a gap if the groups cannot be listed and no function names its group.
    """
    numbers = iommu_groups.numbers(root)
    if isinstance(numbers, Gap):
        linked = _linked(functions) if numbers.why is Why.ABSENT else ()
        if not linked:
            return numbers
        numbers = Fact(linked, " ".join(map(str, linked)).encode(), LINKS)
    grouped: dict[int, list[Device]] = {number: [] for number in numbers.value}
    known = _known_members(grouped, iommus, functions)
    others = _with_other_members(root, iommus) if known else set[int]()
    lost = others is None or not others <= grouped.keys()
    known = {} if lost else {n: proof for n, proof in known.items() if n not in (others or ())}
    reader = iommu_groups.GroupReader(root.under(iommu_groups.PATH))
    groups: list[Members] = []
    for number in sorted(grouped):
        complete: Reading[object] | None = known.get(number)
        if complete is None:
            complete = _list(root, irqs, reader, number, grouped[number])
        members = grouped[number]
        if numbers.source == LINKS:  # its name depends on `known`, so no earlier one holds
            group = reader.group(number)
            group = group if number in known else _unnamed(group, members)
        else:
            group = earlier.group(number, members, partial(reader.group, number))
        groups.append(keep(Members(group, tuple(members), complete), earlier.groups.get(number)))
    return Fact(tuple(groups), numbers.raw, numbers.source)


def _linked(functions: Reading[tuple[Device, ...]]) -> tuple[int, ...]:
    """The groups that functions link to; the kernel makes such a link only to a group it has."""
    linking = functions.value if isinstance(functions, Fact) else ()
    return tuple(sorted({device.group for device in linking if isinstance(device.group, int)}))


def _unnamed(group: iommu_groups.Group, members: list[Device]) -> iommu_groups.Group:
    """The group without its name if it may be a no-IOMMU group: VFIO has a member.

    For a recording that lacks the list of groups, and so the group's name.
    """
    if not any(device.vfio is not None for device in members):
        return group
    source = f"{iommu_groups.PATH}/{group.id}/name"
    return group._replace(
        name=Gap(why=Why.FAILED, source=source, detail="not recorded", errno="ENOENT")
    )


def again(root: Root, old: Members, device: Device) -> Members | None:
    """The group `old` with its PCI function `device` in a newer state.

    Returns None if the group's members may have changed.
    """
    reader = iommu_groups.GroupReader(root.under(iommu_groups.PATH))
    complete = old.complete
    if not complete.source.startswith(iommu_class.PATH):
        listed = reader.members(old.group.id)
        if isinstance(listed, Gap) or isinstance(complete, Gap) or listed != complete:
            return None
    earlier = next((member for member in old.devices if member.name == device.name), None)
    if earlier is None or earlier.bus != "pci":
        return None
    newer = keep(device, earlier)
    members = tuple([newer if member is earlier else member for member in old.devices])
    return keep(Members(keep(reader.group(old.group.id), old.group), members, complete), old)


def ungrouped(
    functions: Reading[tuple[Device, ...]], groups: Reading[tuple[Members, ...]]
) -> tuple[Device, ...]:
    """The functions that are in no group: they link to none, and no group's list has them."""
    if isinstance(functions, Gap):
        return ()
    alone = tuple(device for device in functions.value if isinstance(device.group, Gap))
    if not alone or isinstance(groups, Gap):
        return alone
    grouped = {device.name for members in groups.value for device in members.devices}
    return tuple(device for device in alone if device.name not in grouped)


def _known_members(
    grouped: dict[int, list[Device]],
    iommus: Reading[tuple[iommu_class.Iommu, ...]],
    functions: Reading[tuple[Device, ...]],
) -> dict[int, Fact[bool]]:
    """Add the PCI members to `grouped`. Returns the groups all of whose PCI members have a unit.

    The value is the proof that such a group has no other PCI members. iommu_device_link() links
    every device that the IOMMU driver probes, on any bus. So a group is complete if all its PCI
    members are linked, and no other linked device is in it. If any link or list cannot be read, no
    group is known to be complete.
    """
    if isinstance(functions, Gap):
        return {}
    managed: dict[str, Fact[bool]] = {}
    lost = False
    for unit in iommus.value if isinstance(iommus, Fact) else ():
        if isinstance(unit.devices, Gap):
            lost = True
        else:
            # The proof does not hold the list, which changes with every device of any group.
            proof = Fact(True, b"names every device of the group", unit.devices.source)
            managed.update(dict.fromkeys(unit.devices.value, proof))
    known: dict[int, Fact[bool]] = {}
    unlinked: set[int] = set()
    placed = 0
    for device in functions.value:
        if isinstance(device.group, Gap):
            lost = lost or device.group.why is not Why.ABSENT
            continue
        lost = lost or device.group not in grouped
        grouped.setdefault(device.group, []).append(device)
        manager = managed.get(device.name)
        if manager is None:
            unlinked.add(device.group)
        else:
            known[device.group] = manager
            placed += 1
    # Every managed device is in a group. Without knowing each one's group, any group may lack it.
    if lost or placed < sum(map(devices.is_pci, managed)):
        return {}
    return {number: proof for number, proof in known.items() if number not in unlinked}


def _with_other_members(
    root: Root, iommus: Reading[tuple[iommu_class.Iommu, ...]]
) -> set[int] | None:
    """The groups of managed non-PCI devices. Returns None if one device's group cannot be read."""
    numbers: set[int] = set()
    for unit in iommus.value if isinstance(iommus, Fact) else ():
        names = unit.devices.value if isinstance(unit.devices, Fact) else ()
        others = [name for name in names if not devices.is_pci(name)]
        if others:
            links = root.under(f"{iommu_class.PATH}/{unit.name}/devices")
            for name in others:
                number = devices.group(links, name)
                if isinstance(number, Gap):
                    return None
                numbers.add(number)
    return numbers


def _list(
    root: Root,
    irqs: Directory,
    reader: iommu_groups.GroupReader,
    number: int,
    members: list[Device],
) -> Reading[object]:
    """Add the devices to `members` that only the group's own list names. Returns that list."""
    entries = reader.members(number)
    if isinstance(entries, Fact):
        members[:] = with_others(root, irqs, number, entries.value, members)
    return entries


def with_others(
    root: Root,
    irqs: Directory,
    number: int,
    entries: Iterable[iommu_groups.Member],
    functions: Iterable[Device],
) -> tuple[Device, ...]:
    """All devices of a group: `functions`, and those that only `entries` of its list name."""
    members = list(functions)
    known = {device.name for device in members}
    missing = [entry for entry in entries if entry.name not in known]
    if missing:
        links = root.under(f"{iommu_groups.PATH}/{number}/devices")
        members += (devices.read_other(links, irqs, m.entry, m.name) for m in missing)
        members.sort(key=lambda device: device.name)
    return tuple(members)
