"""The kernel gave up on an ITS that firmware names, and with it on all others.

Change on Arm and others: correct or update the firmware; QEMU: `gic-version=3,its=on`, no `-dtb`.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import arm_msi, arm_proof, guests
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport, Step

_FIRMWARE = Step(
    "Update the firmware, or correct the ITS in the tables or tree that it hands over."
)
_TREE = Step(
    "If it has them, let QEMU make the device tree: the one that it is given names another ITS.",
    "qemu: without -dtb",
)


def _applies(host: Host, group: GroupReport | None, members: Members | None) -> Caused | None:
    device = arm_msi.with_reason(host, group, members, arm_msi.Reason.FAILED)
    if device is None:
        return None
    line = _line(host)
    steps = guests.with_its(host)
    return Caused(
        sentence="MSIs are not isolated: the kernel gave up on the ITS that firmware names.",
        rule="irq-gic-v3-its.c its_of_probe(), its_acpi_probe(): one takes the others along",
        because=arm_proof.shown(host, device),
        change=(*steps, _TREE) if steps else (_FIRMWARE,),
        helps=bool(steps),
        ticket=f"The kernel cannot use an ITS that the firmware names: {line}" if line else None,
    )


def _line(host: Host) -> str | None:
    """The line of the log that says it."""
    log = host.snapshot.interrupts.log
    lines = log.value if isinstance(log, Fact) else ()
    words = ("giving up", "failed probing", "Unable to map ITS", "Failed to init ITS", "No ITS")
    return next((line for line in lines if "ITS" in line and any(w in line for w in words)), None)


CAUSE = Cause("its_failed", _applies)
