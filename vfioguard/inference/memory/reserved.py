"""Memory that firmware keeps for devices, with the devices: RMRR, IVMD and RMR.

Linux refuses to give such a device to a guest, as the memory would have to stay mapped one to one
(policy.md 5: RMRR-locked, RESV_DIRECT). What the running kernel took of it stands in each group's
`reserved_regions`; the tables say why it is there, and hold where the kernel shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import tables
from vfioguard.inference.functions import Index, functions
from vfioguard.inference.memory.region import Memory
from vfioguard.kernel.pci.pci_topology import Place
from vfioguard.snapshot import Snapshot

if TYPE_CHECKING:
    from vfioguard.acpi.dmar import Dmar
    from vfioguard.acpi.iort import Iort
    from vfioguard.acpi.ivrs import Ivrs


#: Devices of all pieces together: sixteen pieces of memory for each of 4,096 functions.
_MOST = 65536


class ReservedMemory(NamedTuple):
    """All of it; `gaps` are the tables that may hold more and cannot be read."""

    memory: tuple[Memory, ...]
    gaps: tuple[Gap, ...]


def of_host(snapshot: Snapshot) -> ReservedMemory:
    """Every piece of memory in the tables of a host; without a table nothing is imported."""
    acpi = snapshot.acpi
    readings = (acpi.dmar, acpi.ivrs, acpi.iort)
    if not any(isinstance(one, Fact) for one in readings):
        return ReservedMemory((), _gaps(*readings))
    index = Index(functions(snapshot))
    dmar, ivrs, iort = tables.dmar(acpi.dmar), tables.ivrs(acpi.ivrs), tables.iort(acpi.iort)
    places: Mapping[str, Reading[Place]] = snapshot.wiring.places if snapshot.wiring else {}
    found, gaps = _bounded(_memory(dmar, ivrs, iort, index, places))
    return ReservedMemory(found, (*_gaps(dmar, ivrs, iort), *gaps))


def _memory(
    dmar: Reading[Dmar],
    ivrs: Reading[Ivrs],
    iort: Reading[Iort],
    index: Index,
    places: Mapping[str, Reading[Place]],
) -> Iterator[Memory]:
    """Imported here, as a host has one of them."""
    if isinstance(dmar, Fact):
        from vfioguard.inference.memory import intel

        yield from intel.memory(dmar, index)
    if isinstance(ivrs, Fact):
        from vfioguard.inference.memory import amd

        yield from amd.memory(ivrs, index)
    if isinstance(iort, Fact):
        from vfioguard.inference.memory import arm

        yield from arm.memory(iort, index, places)


def _bounded(memory: Iterator[Memory]) -> ReservedMemory:
    """All of it, unless a table names thousands of devices thousands of times."""
    found: list[Memory] = []
    left = _MOST
    for one in memory:
        left -= 1 + len(one.holders) + len(one.gaps)
        if left < 0:
            why = f"more than {_MOST} devices and pieces of memory: the rest is not resolved"
            return ReservedMemory(tuple(found), (Gap(Why.MALFORMED, one.source, why),))
        found.append(one)
    return ReservedMemory(tuple(found), ())


def _gaps(*readings: Reading[object]) -> tuple[Gap, ...]:
    return tuple(one for one in readings if isinstance(one, Gap) and one.why is not Why.ABSENT)
