"""The gaps of a Snapshot that cost an answer: files that are there and could not be read.

An absent file is an answer, so its gap does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from vfioguard.fact import Fact, Gap, Why
from vfioguard.kernel import iommu_groups
from vfioguard.kernel.devices import Device
from vfioguard.kernel.iommu_class import instances
from vfioguard.kernel.members import LINKS, Members
from vfioguard.snapshot import Snapshot
from vfioguard.typed import cast


def of_host(snapshot: Snapshot) -> tuple[Gap, ...]:
    """The gaps outside of groups and devices."""
    none = Gap(Why.ABSENT, "", "")
    units = instances(snapshot.iommus)  # without their devices, which are thousands
    acpi = snapshot.acpi._replace(viot=none, mcfg=none, rimt=none)  # no verdict rests on them
    whole = snapshot._replace(groups=none, devices=(), iommus=units, acpi=acpi)
    return tuple([gap for gap in _nested(whole) if gap.why is not Why.ABSENT])


def of_groups(snapshot: Snapshot) -> Gap | None:
    """The gap of the kernel's list of groups, even if the links of devices named the groups.

    Returns None if the list could be read.
    """
    groups = snapshot.groups
    if isinstance(groups, Gap):
        return groups
    if groups.source == LINKS:
        return Gap(why=Why.ABSENT, source=iommu_groups.PATH, detail="not recorded", errno="ENOENT")
    return None


def _of_lists(snapshot: Snapshot) -> Iterator[Gap]:
    """The gap of the list of groups, and the gaps of devices without a group."""
    listed = of_groups(snapshot)
    # There may be groups although the list was not recorded.
    if listed is not None and (snapshot.members or listed.why is not Why.ABSENT):
        yield listed
    yield from _of_devices(snapshot.devices)


def of_group(members: Members) -> tuple[Gap, ...]:
    """The gaps of one group. `_nested` would be too slow for thousands of groups."""
    group = members.group
    own = (group.type, group.reserved_regions, group.name, members.complete)
    gaps = [each for each in own if isinstance(each, Gap) and each.why is not Why.ABSENT]
    return tuple(gaps + _of_devices(members.devices))


def of_each(groups: Iterable[Members]) -> dict[int, tuple[Gap, ...]]:
    """The gaps of each group that has any, by the group's number."""
    each = ((members.group.id, of_group(members)) for members in groups)
    return {number: gaps for number, gaps in each if gaps}


def of_all(
    host: tuple[Gap, ...], snapshot: Snapshot, groups: Mapping[int, tuple[Gap, ...]]
) -> tuple[Gap, ...]:
    """All gaps of a Snapshot, one for each source.

    `host` are the gaps that `of_host` found, `groups` those that `of_each` found.
    """
    return tuple(_once(chain(host, _of_lists(snapshot), *groups.values())))


def _once(gaps: Iterable[Gap]) -> Iterator[Gap]:
    seen: set[str] = set()
    for gap in gaps:
        if gap.source not in seen:
            seen.add(gap.source)
            yield gap


def _of_devices(devices: tuple[Device, ...]) -> list[Gap]:
    return [
        field
        for device in devices
        for field in device
        # No verdict depends on a function's bridges.
        if isinstance(field, Gap) and field.why is not Why.ABSENT and field is not device.bridges
    ]


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
