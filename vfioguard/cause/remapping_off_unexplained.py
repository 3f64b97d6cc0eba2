"""Interrupt remapping is off, and nothing that can be read says why.

Change on x86: read the kernel's log; run as root.
"""

from __future__ import annotations

from vfioguard.cause import ELSE, Caused
from vfioguard.cause.parts import ivrs_option, machine, tables, why
from vfioguard.fact import Gap, Why
from vfioguard.inference.host import Host
from vfioguard.logic import sources
from vfioguard.report import Step

_AMD = frozenset({"io_apic_not_in_ivrs", "ivrs_no_southbridge", "ivrs_southbridge_class"})


def _caused(host: Host) -> Caused | None:
    seen = ", ".join(sources(host.remapping)[:2])
    likely = tables.likely(host)
    if likely is not None:
        reason = f"the likeliest reason is this: {likely.finding}"
    else:
        reason = "nothing that can be read says why"
    return Caused(
        sentence=f"Interrupt remapping is off, as {seen} shows; {reason}.",
        rule="drivers/iommu/irq_remapping.c irq_remapping_prepare(), irq_remapping_enable()",
        because=host.remapping,
        change=(*_look(host), *_likely(host, likely.kind if likely else "")),
    )


def _look(host: Host) -> tuple[Step, ...]:
    acpi = host.snapshot.acpi
    hidden = [t for t in (acpi.dmar, acpi.ivrs) if isinstance(t, Gap) and t.why is Why.DENIED]
    words = "Read the reason in the kernel's log of this boot."
    steps = [Step(words, "journalctl -k -b | grep -e DMAR -e AMD-Vi -e remapping")]
    if hidden:
        steps.insert(0, Step("Run vfioguard as root, which reads the firmware's tables."))
    return tuple(steps)


def _likely(host: Host, kind: str) -> tuple[Step, ...]:
    return ivrs_option.steps(host) if kind in _AMD else machine.turn_on(host)


CAUSE = why.of_remapping("remapping_off_unexplained", _caused, ELSE)
