"""Which remapping unit of the DMAR a PCI function is behind (POLICY 3.8; VT-d 5.0 8.3).

drivers/iommu/intel/dmar.c dmar_find_matched_drhd_unit(), dmar_match_pci_path(). The sure way on a
running host is the function's own `iommu` link; this is for tables without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from vfioguard.bdf import Bdf

if TYPE_CHECKING:
    from vfioguard.acpi.dmar import Dmar, Drhd, Scope

_ENDPOINT, _BRIDGE = 1, 2


def unit_of(table: Dmar, function: Bdf, secondary: Mapping[Bdf, int]) -> Drhd | None:
    """The unit of a function; for a virtual function ask with its physical one.

    `secondary` has the secondary bus number of every bridge. A unit that names the function or a
    bridge above it goes before one that has INCLUDE_PCI_ALL.
    """
    from vfioguard.acpi.dmar import Drhd

    chain = frozenset(upwards(function, secondary))
    units = [u for u in table.units if isinstance(u, Drhd) and u.segment == function.domain]
    for unit in units:
        if not unit.include_all and chain.intersection(named(unit, secondary)):
            return unit
    return next((unit for unit in units if unit.include_all), None)


def named(unit: Drhd, secondary: Mapping[Bdf, int]) -> Iterator[Bdf]:
    """The functions in the scopes of a unit: endpoints, and bridges with all that is below."""
    from vfioguard.acpi.dmar import Scope

    for scope in unit.scopes:
        if isinstance(scope, Scope) and scope.type in {_ENDPOINT, _BRIDGE}:
            found = resolve(unit.segment, scope, secondary)
            if found is not None:
                yield found


def resolve(segment: int, scope: Scope, secondary: Mapping[Bdf, int]) -> Bdf | None:
    """Walk a path from its start bus; None where a step on the way is no bridge."""
    bus = scope.start_bus
    found: Bdf | None = None
    for device, function in scope.path:
        if found is not None:
            below = secondary.get(found)
            if below is None:
                return None
            bus = below
        found = Bdf(segment, bus, device, function)
    return found


def upwards(function: Bdf, secondary: Mapping[Bdf, int]) -> Iterator[Bdf]:
    """The function and the bridges above it, nearest first."""
    above = {(bridge.domain, bus): bridge for bridge, bus in secondary.items()}
    seen: set[Bdf] = set()
    here: Bdf | None = function
    while here is not None and here not in seen:  # bus numbers that nobody set may form a circle
        seen.add(here)
        yield here
        here = above.get((here.domain, here.bus))
