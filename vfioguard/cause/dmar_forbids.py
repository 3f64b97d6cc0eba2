"""The DMAR table says that the firmware does not support interrupt remapping.

Change on x86: turn on VT-d with interrupt remapping in the firmware's setup; else update the
firmware.
"""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import machine, tables, ticket, why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host

#: VT-d 5.0 8.1: the flags' offset in the table.
_FLAGS = 37
_FUNCTION = "dmar_ir_support()"


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "dmar_forbids")
    if part is None:
        return None
    table = host.snapshot.acpi.dmar
    flags = table.value[_FLAGS] if isinstance(table, Fact) else 0
    return Caused(
        sentence="Interrupt remapping is off: the firmware's DMAR table forbids it (INTR_REMAP, "
        "bit 0 of its flags, is clear).",
        rule=f"drivers/iommu/intel/dmar.c {_FUNCTION}; all kernels",
        because=tables.proof(part),
        change=machine.turn_on(host),
        ticket=ticket.of_table(
            host,
            "DMAR",
            table,
            fault=f"Its flags (offset {_FLAGS}) are {flags:#04x}: bit 0, INTR_REMAP, is clear.",
            function=_FUNCTION,
        ),
    )


CAUSE = why.of_remapping("dmar_forbids", _caused)
