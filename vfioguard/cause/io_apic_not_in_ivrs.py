"""The IVRS leaves out an IO-APIC of the MADT.

Change on x86: add the `ivrs_ioapic=` that is printed, and reboot; else update the firmware.
"""

from __future__ import annotations

import re

from vfioguard.cause import Caused
from vfioguard.cause.parts import ivrs_option, tables, ticket, why
from vfioguard.inference.host import Host
from vfioguard.inference.remapping.parts import named
from vfioguard.logic import Answer

_FUNCTION = "check_ioapic_information()"
_LINE = re.compile(r"IOAPIC\[(\d+)\] not in IVRS table")


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "io_apic_not_in_ivrs")
    if part is not None:
        return _of(host, list(part.missing), tables.proof(part))
    lines = [line for line in tables.log(host) if _LINE.search(line)]
    # Only the last line tells that the kernel minds them.
    if not lines or not any("Disabling interrupt remapping" in line for line in tables.log(host)):
        return None
    numbers = [int(match[1]) for line in lines if (match := _LINE.search(line))]
    claim = "the kernel finds every IO-APIC in the IVRS"
    caused = _of(host, numbers, tables.logged(host, claim, lines))
    return caused._replace(change=(*ivrs_option.if_timers(host, numbers[0]), *caused.change))


def _of(host: Host, numbers: list[int], because: Answer) -> Caused:
    missing = named(numbers)
    timer = ", and so the timer" if ivrs_option.timers(host) in numbers else ""
    return Caused(
        sentence="Interrupt remapping is off: the firmware's IVRS table leaves out "
        f"{missing}{timer}.",
        rule=f"drivers/iommu/amd/init.c {_FUNCTION}; all kernels",
        because=because,
        change=ivrs_option.steps(host),
        ticket=ticket.of_table(
            host,
            "IVRS",
            host.snapshot.acpi.ivrs,
            fault=f"The MADT lists {missing}, but no IVHD block has a special device entry (type "
            "48h, variety 1) with this handle.",
            function=_FUNCTION,
        ),
    )


CAUSE = why.of_remapping("io_apic_not_in_ivrs", _caused)
