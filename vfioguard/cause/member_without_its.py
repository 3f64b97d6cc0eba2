"""A member on another bus than PCI has no MSI domain, and counts all the same.

Change on Arm and others: a platform device: an `msi-parent` in its node; else nothing.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.firmware.devicetree import PATH
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.MEMBER)
    if device is None:
        return None
    if host.isolated(device).truth is None:
        return None
    steps = _steps(host, device)
    useless = "" if steps else " No setting helps."
    return Caused(
        sentence=f"{device.name} ({device.bus}) has no MSI domain of its own.{useless}",
        rule="kernel/irq/msi.c msi_device_has_isolated_msi(): every member counts; since v6.3",
        because=arm_proof.shown(host, device),
        change=steps,
        helps=bool(steps),
    )


def _steps(host: Host, device: Device) -> tuple[Step, ...]:
    """A platform device with a node and an msi-parent to an ITS is accepted."""
    wiring = host.snapshot.wiring
    node = wiring.of_nodes.get(device.name) if wiring is not None else None
    if device.bus != "platform" or not isinstance(node, Fact) or not arm_msi.controllers(host).its:
        return ()
    step = Step(
        "Give its node an msi-parent to the ITS, in the device tree.", f"{PATH}{node.value}"
    )
    return (step,)


CAUSE = Cause("member_without_its", _applies)
