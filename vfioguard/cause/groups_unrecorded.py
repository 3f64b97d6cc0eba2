"""The list of groups was not recorded, or cannot be read.

Change for a missing group: record the host again.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.fact import Gap, Why
from vfioguard.inference.host import Host
from vfioguard.kernel import iommu_groups
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    return host.once(_caused) if no_group.asked(group, members) else None


def _caused(host: Host) -> Caused | None:
    groups = host.snapshot.groups
    if not isinstance(groups, Gap):
        return None
    absent = groups.why is Why.ABSENT
    step = (
        Step(
            "Record the host again with `vfioguard capture`, or boot a kernel with an IOMMU driver."
        )
        if absent
        else Step("Make the directory readable for vfioguard.", iommu_groups.PATH)
    )
    why = "was not recorded, or this kernel has none" if absent else "cannot be read"
    return Caused(
        sentence=f"The list of IOMMU groups {why}.",
        rule="drivers/iommu/iommu.c iommu_init() makes /sys/kernel/iommu_groups; since v3.6",
        because=ask("the IOMMU groups are known", groups, lambda _: None),
        change=(step,),
    )


CAUSE = Cause("groups_unrecorded", _applies, ELSE)
