"""Firmware names no MSI controller for the device: the machine has no ITS.

Change on Arm and others: nothing on a board; QEMU: `its=on`.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof, guests
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.MISSING)
    if device is None:
        return None
    steps = guests.with_its(host)
    useless = "" if steps else " No setting helps."
    return Caused(
        sentence=f"{device.name} has no MSI domain: firmware names no ITS.{useless}",
        rule="msi_device_has_isolated_msi(): no domain counts as not isolated; since v6.3",
        because=arm_proof.shown(host, device),
        change=steps,
        helps=bool(steps),
    )


CAUSE = Cause("its_missing", _applies)
