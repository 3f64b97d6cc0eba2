"""MSIs go through message-based SPIs of the GICv3, whose doorbell any device can ring.

Change on Arm and others: point the msi-map at the ITS, if there is one.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.MBI)
    if device is None:
        return None
    its = arm_msi.controllers(host).its
    step = Step(
        "Point the msi-map (or msi-parent) of its bridge at the ITS, in the device tree.",
        "/sys/firmware/devicetree/base",
    )
    useless = "" if its else " No setting helps: the machine has no ITS."
    return Caused(
        sentence=f"MSIs are not isolated: firmware makes them SPIs of the GICv3 (MBI).{useless}",
        rule=arm_proof.RULE,
        because=arm_proof.shown(host, device),
        change=(step,) if its else (),
        helps=its,
    )


CAUSE = Cause("gicv3_mbi", _applies)
