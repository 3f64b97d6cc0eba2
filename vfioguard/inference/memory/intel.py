"""RMRRs and their devices (VT-d 5.0 8.4).

drivers/iommu/intel/iommu.c intel_iommu_get_resv_regions(), device_rmrr_is_relaxable().
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.acpi.dmar import Dmar, Rmrr
from vfioguard.fact import Fact
from vfioguard.inference.dmar_scopes import named
from vfioguard.inference.functions import Function, Index
from vfioguard.inference.memory.region import ReservedRegion, holder
from vfioguard.kernel.uevent import DISPLAY

_USB = 0x0C03


def memory(table: Fact[Dmar], index: Index) -> Iterator[ReservedRegion]:
    """Every RMRR, in the order of the table."""
    for unit in table.value.units:
        if isinstance(unit, Rmrr):
            scoped = named(unit.segment, unit.scopes, index, table.source)
            holders = tuple(
                holder(function, unit.base, unit.limit, relaxable=_relaxable(function))
                for function in scoped.functions
            )
            yield ReservedRegion(
                kind="RMRR",
                start=unit.base,
                end=unit.limit,
                source=table.source,
                offset=unit.offset,
                holders=holders,
                gaps=scoped.gaps,
            )


def _relaxable(function: Function) -> bool:
    """Whether Linux gives the memory up: USB and graphics need it only until their drivers run."""
    code = function.pci_class or 0
    return code >> 8 == _USB or code >> 16 == DISPLAY
