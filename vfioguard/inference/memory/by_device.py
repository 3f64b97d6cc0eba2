"""The memory that firmware's tables keep, by the device that they keep it for."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard.fact import Gap
from vfioguard.inference.memory import reserved
from vfioguard.inference.memory.region import ReservedRegion, by_device
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple


class ReservedByDevice(NamedTuple):
    """Device -> the regions kept for it; `gaps` are tables that may name more."""

    regions: Mapping[str, tuple[ReservedRegion, ...]]
    gaps: tuple[Gap, ...]


def of_host(snapshot: Snapshot) -> ReservedByDevice:
    """The regions of all tables of a host."""
    memory, gaps = reserved.of_host(snapshot)
    return ReservedByDevice(by_device(memory), gaps)
