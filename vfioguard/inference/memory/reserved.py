"""Memory that firmware keeps for devices, with the devices: RMRR, IVMD and RMR.

Linux refuses to give such a device to a guest, because the memory would have to stay mapped one to
one (policy.md 5: RMRR-locked, RESV_DIRECT). Each group's `reserved_regions` show what the running
kernel took from the tables. The tables say why a region is there, and serve where the kernel shows
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import tables
from vfioguard.inference.functions import Index, functions
from vfioguard.inference.memory.region import ReservedRegion
from vfioguard.kernel.pci.pci_topology import Place
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi.dmar import Dmar
    from vfioguard.acpi.iort import Iort
    from vfioguard.acpi.ivrs import Ivrs


#: The most devices of all regions together: sixteen regions for each of 4,096 functions.
_MOST = 65536


class ReservedMemory(NamedTuple):
    """All reserved memory; `gaps` are tables that may hold more and cannot be read."""

    memory: tuple[ReservedRegion, ...]
    gaps: tuple[Gap, ...]


def of_host(snapshot: Snapshot) -> ReservedMemory:
    """Every region in the tables of a host; without a table no parser is imported."""
    acpi = snapshot.acpi
    readings = (acpi.dmar, acpi.ivrs, acpi.iort)
    if not any(isinstance(reading, Fact) for reading in readings):
        return ReservedMemory((), _gaps(*readings))
    index = Index(functions(snapshot))
    dmar, ivrs, iort = tables.dmar(acpi.dmar), tables.ivrs(acpi.ivrs), tables.iort(acpi.iort)
    places: Mapping[str, Reading[Place]] = snapshot.wiring.places if snapshot.wiring else {}
    memory, gaps = _bounded(_memory(dmar, ivrs, iort, index, places))
    return ReservedMemory(memory, (*_gaps(dmar, ivrs, iort), *gaps))


def _memory(
    dmar: Reading[Dmar],
    ivrs: Reading[Ivrs],
    iort: Reading[Iort],
    index: Index,
    places: Mapping[str, Reading[Place]],
) -> Iterator[ReservedRegion]:
    """The regions of all tables. Each reader is imported here, because a host needs only one."""
    if isinstance(dmar, Fact):
        from vfioguard.inference.memory import intel

        yield from intel.memory(dmar, index)
    if isinstance(ivrs, Fact):
        from vfioguard.inference.memory import amd

        yield from amd.memory(ivrs, index)
    if isinstance(iort, Fact):
        from vfioguard.inference.memory import arm

        yield from arm.memory(iort, index, places)


def _bounded(regions: Iterator[ReservedRegion]) -> ReservedMemory:
    """All regions, or the first ones if a table names thousands of devices thousands of times."""
    kept: list[ReservedRegion] = []
    left = _MOST
    for region in regions:
        left -= 1 + len(region.holders) + len(region.gaps)
        if left < 0:
            why = f"more than {_MOST} devices and pieces of memory: the rest is not resolved"
            return ReservedMemory(tuple(kept), (Gap(Why.MALFORMED, region.source, why),))
        kept.append(region)
    return ReservedMemory(tuple(kept), ())


def _gaps(*readings: Reading[object]) -> tuple[Gap, ...]:
    return tuple(
        reading
        for reading in readings
        if isinstance(reading, Gap) and reading.why is not Why.ABSENT
    )
