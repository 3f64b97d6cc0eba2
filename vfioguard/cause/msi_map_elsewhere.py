"""The msi-map leads the id of a function to a node that is not an MSI controller.

Change on Arm and others: correct the msi-map.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof, maps
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.ELSEWHERE)
    node = arm_msi.mapped_to(host, device) if device is not None else None
    if device is None or node is None:
        return None
    rid = maps.requester(host, device.name)
    return Caused(
        sentence=f"{device.name} has no MSI domain: the msi-map leads {rid} to {node.path}.",
        rule="drivers/of/base.c of_map_id(): the first entry counts; each member since v6.3",
        because=arm_proof.shown(host, device),
        change=(Step(f"Let the msi-map lead {rid} to the ITS.", maps.msi_map(host, device.name)),),
    )


CAUSE = Cause("msi_map_elsewhere", _applies)
