"""What could not be read although it is there; absence is an answer, not a gap in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import cast

from vfioguard.fact import Fact, Gap, Why
from vfioguard.kernel import iommu_groups
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import instances
from vfioguard.kernel.members import LINKS, Members
from vfioguard.snapshot import Snapshot


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
    if groups.source == LINKS:
        return Gap(why=Why.ABSENT, source=iommu_groups.PATH, detail="not recorded", errno="ENOENT")
    return None


def _of_lists(snapshot: Snapshot) -> Iterator[Gap]:
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


def of_each(groups: Iterable[Members]) -> dict[int, tuple[Gap, ...]]:
    """The gaps of the groups that have any, by the number of the group."""
    each = ((members.group.id, of_group(members)) for members in groups)
    return {number: gaps for number, gaps in each if gaps}


def of_all(
    host: tuple[Gap, ...], snapshot: Snapshot, groups: Mapping[int, tuple[Gap, ...]]
) -> tuple[Gap, ...]:
    """All gaps of a Snapshot, one for each source; those of `host` and of `groups` are known."""
    return tuple(_once(chain(host, _of_lists(snapshot), *groups.values())))


def _once(gaps: Iterable[Gap]) -> Iterator[Gap]:
    seen: set[str] = set()
    for gap in gaps:
        if gap.source not in seen:
            seen.add(gap.source)
            yield gap


def _there(gaps: Iterable[Gap]) -> Iterator[Gap]:
    return (gap for gap in gaps if gap.why is not Why.ABSENT)


def _of_devices(devices: tuple[Device, ...]) -> Iterator[Gap]:
    for device in devices:
        for field in device:
            # No verdict rests on a function's way from the root bus.
            if isinstance(field, Gap) and field is not device.bridges:
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
