"""Who is in which IOMMU group, at one system call a device where a group's list costs five.

A device's own `iommu_group` link names its group. A group is listed only where its members may not
all have been found that way (iommu_groups.py).
"""

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
    """Every group with its devices; `functions` are the PCI functions, already read."""
    numbers = iommu_groups.numbers(root)
    if isinstance(numbers, Gap):
        linked = _linked(functions) if numbers.why is Why.ABSENT else ()
        if not linked:
            return numbers
        numbers = Fact(linked, " ".join(map(str, linked)).encode(), LINKS)
    found: dict[int, list[Device]] = {number: [] for number in numbers.value}
    known = _known_members(found, iommus, functions)
    others = _with_other_members(root, iommus) if known else set[int]()
    lost = others is None or not others <= found.keys()
    known = {} if lost else {n: proof for n, proof in known.items() if n not in (others or ())}
    reader = iommu_groups.GroupReader(root.under(iommu_groups.PATH))
    members: list[Members] = []
    for number in sorted(found):
        complete: Reading[object] | None = known.get(number)
        if complete is None:
            complete = _list(root, irqs, reader, number, found[number])
        have = found[number]
        group = earlier.group(number, have, partial(reader.group, number))
        if numbers.source == LINKS and number not in known:
            group = _unnamed(group, have)
        members.append(keep(Members(group, tuple(have), complete), earlier.groups.get(number)))
    return Fact(tuple(members), numbers.raw, numbers.source)


def _linked(functions: Reading[tuple[Device, ...]]) -> tuple[int, ...]:
    """The groups that functions link to: the kernel makes no such link without the group."""
    found = functions.value if isinstance(functions, Fact) else ()
    return tuple(sorted({device.group for device in found if isinstance(device.group, int)}))


def _unnamed(group: iommu_groups.Group, members: list[Device]) -> iommu_groups.Group:
    """A group whose name was not recorded may be a no-IOMMU group if a VFIO driver is bound."""
    if not any("vfio" in (device.driver or "") for device in members):
        return group
    source = f"{iommu_groups.PATH}/{group.id}/name"
    return group._replace(
        name=Gap(why=Why.FAILED, source=source, detail="not recorded", errno="ENOENT")
    )


def again(root: Root, old: Members, device: Device) -> Members | None:
    """The group with one of its PCI functions in a newer state; None where it has other members."""
    reader = iommu_groups.GroupReader(root.under(iommu_groups.PATH))
    complete = old.complete
    if not complete.source.startswith(iommu_class.PATH):
        listed = reader.members(old.group.id)
        if isinstance(listed, Gap) or isinstance(complete, Gap) or listed != complete:
            return None
    at = next((n for n, one in enumerate(old.devices) if one.name == device.name), None)
    if at is None or old.devices[at].bus != "pci":
        return None
    devices = (*old.devices[:at], keep(device, old.devices[at]), *old.devices[at + 1 :])
    return keep(Members(keep(reader.group(old.group.id), old.group), devices, complete), old)


def ungrouped(
    functions: Reading[tuple[Device, ...]], groups: Reading[tuple[Members, ...]]
) -> tuple[Device, ...]:
    """The functions that no group holds, by its own list where the function's link is lost."""
    if isinstance(functions, Gap):
        return ()
    alone = tuple(device for device in functions.value if isinstance(device.group, Gap))
    if not alone or isinstance(groups, Gap):
        return alone
    grouped = {device.name for members in groups.value for device in members.devices}
    return tuple(device for device in alone if device.name not in grouped)


def _known_members(
    found: dict[int, list[Device]],
    iommus: Reading[tuple[iommu_class.Iommu, ...]],
    functions: Reading[tuple[Device, ...]],
) -> dict[int, Fact[bool]]:
    """Fill in the PCI members; return the groups whose IOMMU names all devices that it manages.

    iommu_device_link() links every device that the IOMMU driver probes, whatever its bus, so a
    group all of whose PCI members are linked, and that no other linked device is in, is complete.
    Where any link or list of them is lost, no group is known to be.
    """
    if isinstance(functions, Gap):
        return {}
    managed: dict[str, Fact[bool]] = {}
    lost = False
    for unit in iommus.value if isinstance(iommus, Fact) else ():
        if isinstance(unit.devices, Gap):
            lost = True
        else:
            # Not the list itself: it changes with every device, the groups of the others do not.
            proof = Fact(True, b"names every device of the group", unit.devices.source)
            managed.update(dict.fromkeys(unit.devices.value, proof))
    known: dict[int, Fact[bool]] = {}
    unlinked: set[int] = set()
    placed = 0
    for device in functions.value:
        if isinstance(device.group, Gap):
            lost = lost or device.group.why is not Why.ABSENT
            continue
        lost = lost or device.group not in found
        found.setdefault(device.group, []).append(device)
        manager = managed.get(device.name)
        if manager is None:
            unlinked.add(device.group)
        else:
            known[device.group] = manager
            placed += 1
    # A managed device is in some group; is there one of which we do not know in which?
    if lost or placed < sum(map(devices.is_pci, managed)):
        return {}
    return {number: proof for number, proof in known.items() if number not in unlinked}


def _with_other_members(
    root: Root, iommus: Reading[tuple[iommu_class.Iommu, ...]]
) -> set[int] | None:
    """The groups of managed devices that are not on the PCI bus; None: of one it is not known."""
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
    found: list[Device],
) -> Reading[object]:
    """Add the members that were not found through their bus."""
    members = reader.members(number)
    if isinstance(members, Gap):
        return members
    have = {device.name for device in found}
    missing = [member for member in members.value if member.name not in have]
    if missing:
        links = root.under(f"{iommu_groups.PATH}/{number}/devices")
        found += (devices.read_other(links, irqs, m.entry, m.name) for m in missing)
        found.sort(key=lambda device: device.name)
    return members
