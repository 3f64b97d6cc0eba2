"""The group is known by the links of its members alone: the list of groups was not recorded.

Change on every architecture: record the host again.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.fact import Gap, Why
from vfioguard.inference.host import Host
from vfioguard.kernel.iommu_groups import PATH
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.report import GroupReport, Step


def _applies(_: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    if group is None or members is None or group.headline.isolated.truth is not None:
        return None
    complete = members.complete
    if not isinstance(complete, Gap) or complete.why is not Why.ABSENT:
        return None
    return Caused(
        sentence=f"Group {members.group.id} may have more members: its list was not recorded.",
        rule="drivers/iommu/iommu.c iommu_group_has_isolated_msi(): each member counts; since v6.3",
        because=ask("all members of the group are known", complete, lambda _: None),
        change=(
            Step(
                "Record the host again, with this directory.", f"{PATH}/{members.group.id}/devices"
            ),
        ),
    )


CAUSE = Cause("members_unrecorded", _applies)
