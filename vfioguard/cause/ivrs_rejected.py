"""The kernel does without the IVRS table, because it is faulty.

Change on x86: update the firmware.
"""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import machine, tables, ticket, why
from vfioguard.fact import Fact
from vfioguard.inference.host import Host

_FUNCTION = "check_ivrs_checksum(), add_special_device()"
#: ACPI 6.5 5.2.6.
_CHECKSUM = 9


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "ivrs_rejected")
    if part is None:
        return None
    table = host.snapshot.acpi.ivrs
    byte = table.value[_CHECKSUM] if isinstance(table, Fact) else 0
    return Caused(
        sentence=f"Interrupt remapping is off: the kernel rejects a faulty table ({part.finding}).",
        rule=f"drivers/iommu/amd/init.c {_FUNCTION}; all kernels",
        because=tables.proof(part),
        change=machine.mend(host),
        ticket=ticket.of_table(
            host,
            "IVRS",
            table,
            fault=f"Its fault: {part.finding} (the checksum at offset {_CHECKSUM} is {byte:#04x}).",
            function=_FUNCTION,
        ),
    )


CAUSE = why.of_remapping("ivrs_rejected", _caused)
