"""A region of memory that firmware keeps for devices, and those devices on this host."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.fact import Fact, Gap
from vfioguard.inference.functions import Function
from vfioguard.typed import NamedTuple

_PAGE = 4096


class RegionHolder(NamedTuple):
    """A device that has the memory, and its group.

    `relaxable`: Linux gives the memory up when a guest gets the device. `shown`: the group's
    reserved regions have the memory; None if there is no group, or they cannot be read.
    """

    device: str
    group: int | None
    relaxable: bool
    shown: bool | None


class ReservedRegion(NamedTuple):
    """A region: `kind` is RMRR, IVMD or RMR; `start` and `end` are Linux's first and last byte.

    `source` is the table's path, `offset` the structure's place in it. `gaps` are devices that the
    structure names and nobody finds.
    """

    kind: str
    start: int
    end: int
    source: str
    offset: int
    holders: tuple[RegionHolder, ...]
    gaps: tuple[Gap, ...]


def pages(length: int) -> int:
    """Round a length in bytes up to whole pages: PAGE_ALIGN()."""
    return -(-length // _PAGE) * _PAGE


def holder(function: Function, start: int, end: int, *, relaxable: bool) -> RegionHolder:
    """The holder of the region from `start` to `end` that `function` is."""
    group = None if function.members is None else function.members.group.id
    return RegionHolder(
        device=function.device.name,
        group=group,
        relaxable=relaxable,
        shown=_shown(function, start, end),
    )


def _shown(function: Function, start: int, end: int) -> bool | None:
    """Whether the group's reserved regions have this one; a larger one counts.

    sysfs joins regions of one type that touch. Returns None if there are none to look at.
    """
    if function.members is None:
        return None
    regions = function.members.group.reserved_regions
    if not isinstance(regions, Fact):
        return None
    return any(
        region.type.startswith("direct") and region.start <= start and end <= region.end
        for region in regions.value
    )


def by_device(regions: Iterable[ReservedRegion]) -> dict[str, tuple[ReservedRegion, ...]]:
    """Device name -> the regions that firmware keeps for it."""
    devices: dict[str, tuple[ReservedRegion, ...]] = {}
    for region in regions:
        for holder in region.holders:
            devices[holder.device] = (*devices.get(holder.device, ()), region)
    return devices
