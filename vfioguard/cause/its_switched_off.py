"""`irqchip.gicv3_nolpi` switches every ITS off.

Change on Arm and others: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Cause, Caused
from vfioguard.cause.parts import arm_msi, why
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    """It also explains GICv2m frames: a GICv3 uses them if it has no LPIs."""
    if not host.is_arm or not why.tested(group, members):
        return None
    known = arm_msi.controllers(host)
    word = known.off
    if word is None or not (known.its or known.disabled):
        return None
    return Caused(
        sentence=f"MSIs are not isolated: {word} switches the ITS off.",
        rule="drivers/irqchip/irq-gic-v3.c gic_dist_supports_lpis(); all kernels",
        because=ask(
            "the command line leaves LPIs on", host.snapshot.kernel.cmdline, lambda _: False
        ),
        change=(edit(host, remove=(word,)),),
    )


CAUSE = Cause("its_switched_off", _applies, CHOSEN)
