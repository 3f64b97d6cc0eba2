"""The kernel does without the DMAR table, because it is faulty.

Change on x86: update the firmware.
"""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import machine, tables, ticket, why
from vfioguard.inference.host import Host

_FUNCTION = "parse_dmar_table()"


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "dmar_rejected")
    if part is None:
        return None
    return Caused(
        sentence=f"Interrupt remapping is off: the kernel rejects a faulty table ({part.finding}).",
        rule=f"drivers/iommu/intel/dmar.c {_FUNCTION}; all kernels",
        because=tables.proof(part),
        change=machine.mend(host),
        ticket=ticket.of_table(
            host,
            "DMAR",
            host.snapshot.acpi.dmar,
            fault=f"Its fault: {part.finding}.",
            function=_FUNCTION,
        ),
    )


CAUSE = why.of_remapping("dmar_rejected", _caused)
