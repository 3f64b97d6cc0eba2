"""The Socionext Synquacer puts a pre-ITS in front, by which devices choose their id.

Change on Arm and others: nothing.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.PRE_ITS)
    if device is None:
        return None
    return Caused(
        sentence="MSIs are not isolated: a Synquacer pre-ITS lets ids be forged. No setting helps.",
        rule="drivers/irqchip/irq-gic-v3-its.c its_enable_quirk_socionext_synquacer()",
        because=arm_proof.shown(host, device),
        change=(),
        helps=False,
    )


CAUSE = Cause("synquacer_pre_its", _applies)
