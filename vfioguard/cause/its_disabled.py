"""The device tree disables the ITS.

Change on Arm and others: set its `status` to `okay`.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof
from vfioguard.inference.host import Host
from vfioguard.kernel.firmware.devicetree import PATH
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.DISABLED)
    if device is None:
        return None
    node = arm_msi.controllers(host).disabled[0]
    return Caused(
        sentence=f"MSIs are not isolated: the device tree disables the ITS {node.path}.",
        rule="drivers/irqchip/irq-gic-v3-its.c its_of_probe(): of_device_is_available()",
        because=arm_proof.shown(host, device),
        change=(
            Step(
                'Set its status to "okay" in the device tree, and reboot.',
                f"{PATH}{node.path}/status",
            ),
        ),
    )


CAUSE = Cause("its_disabled", _applies)
