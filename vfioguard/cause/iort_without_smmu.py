"""The IORT names no SMMU, so that no function has one in front of it.

Change for a missing group: turn it on in the firmware's setup; QEMU: `iommu=smmuv3`.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import guests, no_group
from vfioguard.fact import Fact
from vfioguard.inference import tables
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step

_RULE = "drivers/acpi/arm64/iort.c iort_iommu_configure_id(); all kernels"


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    told = host.is_arm and no_group.none_in_use(host, group, members)
    return host.once(_caused) if told else None


def _caused(host: Host) -> Caused | None:
    acpi = host.snapshot.acpi
    if not isinstance(acpi.madt, Fact) or not no_group.absent(acpi.viot):
        return None
    if no_group.smmus(host) or no_group.other_guest(host):
        return None
    table = tables.iort(acpi.iort)
    if isinstance(table, Fact):
        because = ask("the IORT names an SMMU", table, lambda _: False)
    elif no_group.absent(acpi.iort):
        because = ask("firmware has an IORT", acpi.iort, lambda _: False)
    else:
        return None
    own = guests.with_smmu(host)
    return Caused(
        sentence="No IOMMU is in use: firmware names no SMMU (IORT).",
        rule=_RULE,
        because=because,
        change=own
        or (
            Step("Enable the SMMU in the firmware's setup, if it has one.", "firmware setup: SMMU"),
        ),
    )


CAUSE = Cause("iort_without_smmu", _applies)
