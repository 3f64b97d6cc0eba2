"""Another function already sends under the requester id of this one.

Change for a missing group: another slot.
"""

from __future__ import annotations

from vfioguard.cause import FOUND, Cause, Caused
from vfioguard.cause.parts import no_group
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step

_RULE = "arm_smmu_insert_master() in drivers/iommu/arm/arm-smmu-v3/, since v5.13 (cdf315f907d4)"


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = no_group.function(group, members)
    if device is None or not host.is_arm or not no_group.in_use(host):
        return None
    answer = no_group.late_groups(host).unshared(device.name)
    if answer.truth is not False:
        return None
    return Caused(
        sentence=f"{device.name} shares its requester id with a function that has the group.",
        rule=_RULE,
        because=answer,
        change=(
            Step("Put it into a slot that is not below a bridge to conventional PCI, if it fits."),
        ),
        helps=False,
    )


CAUSE = Cause("id_shared", _applies, FOUND)
