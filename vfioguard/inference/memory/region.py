"""A piece of memory that firmware keeps for devices, and who they are on this host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vfioguard.fact import Fact, Gap
from vfioguard.inference.functions import Function

_PAGE = 4096


class Holder(NamedTuple):
    """A device, its group, and whether Linux gives the memory up when a guest gets the device.

    `shown`: whether the group's reserved regions have the memory; None: there are none to ask.
    """

    device: str
    group: int | None
    relaxable: bool
    shown: bool | None


class Memory(NamedTuple):
    """`kind` is RMRR, IVMD or RMR; `start` and `end` are the first and last byte as Linux has them.

    `source` and `offset`: the table, and where in it; `gaps`: what it names and nobody finds.
    """

    kind: str
    start: int
    end: int
    source: str
    offset: int
    holders: tuple[Holder, ...]
    gaps: tuple[Gap, ...]


def pages(length: int) -> int:
    """PAGE_ALIGN()."""
    return -(-length // _PAGE) * _PAGE


def holder(function: Function, start: int, end: int, *, relaxable: bool) -> Holder:
    """A device with what its group shows of the memory."""
    group = None if function.members is None else function.members.group.id
    return Holder(
        device=function.device.name,
        group=group,
        relaxable=relaxable,
        shown=_shown(function, start, end),
    )


def _shown(function: Function, start: int, end: int) -> bool | None:
    """Regions of one type that touch are one in sysfs, so a larger one counts."""
    if function.members is None:
        return None
    regions = function.members.group.reserved_regions
    if not isinstance(regions, Fact):
        return None
    return any(
        region.type.startswith("direct") and region.start <= start and end <= region.end
        for region in regions.value
    )


def by_device(found: Iterable[Memory]) -> dict[str, tuple[Memory, ...]]:
    """Device -> what it goes on using."""
    devices: dict[str, tuple[Memory, ...]] = {}
    for memory in found:
        for one in memory.holders:
            devices[one.device] = (*devices.get(one.device, ()), memory)
    return devices
