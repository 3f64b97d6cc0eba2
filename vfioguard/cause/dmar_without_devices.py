"""The DMAR has units, and puts no PCI function behind any of them.

Change for a missing group: start the guest without the bypass; else ask the maker of the firmware.
"""

from __future__ import annotations

from vfioguard.acpi.dmar import Drhd, Scope
from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference import tables, virtual
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step

_PCI = frozenset({1, 2})  # endpoint, and bridge with all below it (VT-d 8.3.1)


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if concerned else None


def _caused(host: Host) -> Caused | None:
    table = tables.dmar(host.snapshot.acpi.dmar)
    if not isinstance(table, Fact):
        return None
    units = [entry for entry in table.value.units if isinstance(entry, Drhd)]
    if not units or any(_serves(unit) for unit in units):
        return None
    below = virtual.hypervisor(host)
    qemu = below is not None and below.name == virtual.QEMU
    change = (
        Step("Start the guest without the bypass of the IOMMU.", "default-bus-bypass-iommu=off")
        if qemu
        else Step("Ask the maker of the firmware: its DMAR names no PCI function.")
    )
    return Caused(
        sentence="The DMAR puts no PCI function behind an IOMMU.",
        rule="drivers/iommu/intel/dmar.c dmar_find_matched_drhd_unit(); all kernels",
        because=ask("a unit of the DMAR serves a PCI function", table, lambda _: False),
        change=(change,),
        helps=qemu,
    )


def _serves(unit: Drhd) -> bool:
    return unit.include_all or any(
        not isinstance(scope, Scope) or scope.type in _PCI for scope in unit.scopes
    )


CAUSE = Cause("dmar_without_devices", _applies)
