"""The kernel is built without the driver of the IOMMU that firmware names.

Change for a missing group: boot a kernel that has it.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    concerned = host.is_x86 and no_group.none_in_use(host, group, members)
    return host.once(_caused) if concerned else None


def _caused(host: Host) -> Caused | None:
    acpi = host.snapshot.acpi
    named = (("INTEL_IOMMU", acpi.dmar), ("AMD_IOMMU", acpi.ivrs))
    for option, table in named:
        if isinstance(table, Fact) and no_group.option(host, option) == "n":
            return Caused(
                sentence=f"No IOMMU is in use: this kernel is built without CONFIG_{option}.",
                rule="drivers/iommu/Kconfig; all kernels",
                because=ask(
                    f"this kernel has {option}", host.snapshot.kernel.config, lambda _: False
                ),
                change=(Step(f"Boot a kernel that is built with CONFIG_{option}=y."),),
            )
    return None


CAUSE = Cause("iommu_not_built", _applies)
