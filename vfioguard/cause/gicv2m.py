"""MSIs go through GICv2m frames, whose doorbell any device can ring for any interrupt.

Change on Arm and others: nothing on a board; QEMU: `gic-version=3,its=on`.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof, guests
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.V2M)
    if device is None:
        return None
    steps = guests.with_its(host)
    useless = "" if steps else " No setting helps: the machine has no ITS in use."
    return Caused(
        sentence=f"MSIs are not isolated: they go through GICv2m frames.{useless}",
        rule=arm_proof.RULE,
        because=arm_proof.shown(host, device),
        change=steps,
        helps=bool(steps),
    )


CAUSE = Cause("gicv2m", _applies)
