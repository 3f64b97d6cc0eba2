"""MSIs go through a controller that does not check which device sends them.

Change on Arm and others: nothing.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.OTHER)
    if device is None:
        return None
    family = host.finder.chips.family(device)
    named = f" ({family.family})" if family is not None else ""
    return Caused(
        sentence=(
            f"MSIs are not isolated: their controller{named} checks no sender. No setting helps."
        ),
        rule=arm_proof.RULE,
        because=arm_proof.shown(host, device),
        change=(),
        helps=False,
    )


CAUSE = Cause("msi_controller_open", _applies)
