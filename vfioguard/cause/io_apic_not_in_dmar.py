"""An IO-APIC of the MADT is in the scope of no unit of the DMAR.

Change on x86: update the firmware.
"""

from __future__ import annotations

import re

from vfioguard.cause import Caused
from vfioguard.cause.parts import machine, tables, ticket, why
from vfioguard.inference.host import Host
from vfioguard.inference.remapping.parts import named
from vfioguard.logic import Answer

_FUNCTION = "parse_ioapics_under_ir()"
_LINE = re.compile(r"ioapic (\d+) has no mapping iommu")


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "io_apic_not_in_dmar")
    if part is not None:
        return _of(host, list(part.missing), tables.proof(part))
    lines = [line for line in tables.log(host) if _LINE.search(line)]
    if not lines:
        return None
    numbers = [int(match[1]) for line in lines if (match := _LINE.search(line))]
    claim = "the kernel finds a remapping unit for every IO-APIC"
    return _of(host, numbers, tables.logged(host, claim, lines))


def _of(host: Host, numbers: list[int], because: Answer) -> Caused:
    missing = named(numbers)
    return Caused(
        sentence=f"Interrupt remapping is off: no unit of the firmware's DMAR table has {missing} "
        "in its scope.",
        rule=f"drivers/iommu/intel/irq_remapping.c {_FUNCTION}; all kernels",
        because=because,
        change=machine.mend(host),
        ticket=ticket.of_table(
            host,
            "DMAR",
            host.snapshot.acpi.dmar,
            fault=f"The MADT lists {missing}, but no DRHD has a device scope of type 3 with this "
            "enumeration id.",
            function=_FUNCTION,
        ),
    )


CAUSE = why.of_remapping("io_apic_not_in_dmar", _caused)
