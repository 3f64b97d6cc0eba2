"""What could not be read although it is there; absence is an answer, not a gap in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from vfioguard.fact import Fact, Gap, Why
from vfioguard.kernel import group_members, iommu_groups
from vfioguard.kernel.devices import Device
from vfioguard.kernel.group_members import Members
from vfioguard.kernel.iommu_class import instances
from vfioguard.snapshot import Snapshot

_BRIDGES = Device._fields.index("bridges")


def of_host(snapshot: Snapshot) -> tuple[Gap, ...]:
    """The gaps in what is neither a device nor a group."""
    none = Gap(Why.ABSENT, "", "")
    units = instances(snapshot.iommus)  # without the thousands of devices that they name
    acpi = snapshot.acpi._replace(viot=none, mcfg=none, rimt=none)  # no verdict rests on them
    return tuple(
        _there(_nested(snapshot._replace(groups=none, devices=(), iommus=units, acpi=acpi)))
    )


def of_groups(snapshot: Snapshot) -> Gap | None:
    """Why the kernel's list of groups could not be read, even where their devices name them."""
    groups = snapshot.groups
    if isinstance(groups, Gap):
        return groups
    if groups.source == group_members.LINKS:
        return Gap(Why.ABSENT, iommu_groups.PATH, "not recorded", "ENOENT")
    return None


def of_lists(snapshot: Snapshot) -> Iterator[Gap]:
    """The gap in the list of groups, and those of the devices that are in none."""
    listed = of_groups(snapshot)
    if listed is not None and snapshot.members:
        yield listed  # absent, and not because there are no groups
    yield from _there([*([listed] if listed else []), *_of_devices(snapshot.devices)])


def of_group(members: Members) -> tuple[Gap, ...]:
    """The gaps of one group; by hand, as there are thousands of groups."""
    group, devices, complete = members
    own = (group.type, group.reserved_regions, group.name, complete)
    found = [reading for reading in own if isinstance(reading, Gap)]
    return tuple(_there([*found, *_of_devices(devices)]))


def once(gaps: Iterator[Gap]) -> Iterator[Gap]:
    """The first gap of each source."""
    seen: set[str] = set()
    for gap in gaps:
        if gap.source not in seen:
            seen.add(gap.source)
            yield gap


def _there(gaps: Iterable[Gap]) -> Iterator[Gap]:
    return (gap for gap in gaps if gap.why is not Why.ABSENT)


def _of_devices(devices: tuple[Device, ...]) -> Iterator[Gap]:
    for device in devices:
        for field in device[:_BRIDGES]:  # no verdict rests on a function's way from the root bus
            if isinstance(field, Gap):
                yield field


def _nested(value: object) -> Iterator[Gap]:
    if isinstance(value, Gap):
        yield value
    elif isinstance(value, Fact):
        yield from _nested(cast("Fact[object]", value).value)
    elif isinstance(value, tuple):
        for part in cast("tuple[object, ...]", value):
            yield from _nested(part)
    elif isinstance(value, Mapping):
        for part in cast("Mapping[object, object]", value).values():
            yield from _nested(part)
