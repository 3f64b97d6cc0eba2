"""The IVRS does not say where the southbridge's IO-APIC is, which has the timer.

Change on x86: add the `ivrs_ioapic=` that is printed, and reboot; else update the firmware.
"""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import ivrs_option, tables, ticket, why
from vfioguard.inference.borders import AMD_SOUTHBRIDGE_BY_CLASS as SOUTHBRIDGE_BY_CLASS
from vfioguard.inference.host import Host
from vfioguard.logic import Answer

_FUNCTION = "check_ioapic_information()"
_LINE = "No southbridge IOAPIC found"


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "ivrs_no_southbridge", "ivrs_southbridge_class")
    if part is not None:
        # If the IVRS leaves that IO-APIC out, or names a function of another class, other causes
        # tell the same fault.
        left_out = tables.condition(host, "io_apic_not_in_ivrs")
        told = left_out is not None and ivrs_option.timers(host) in left_out.missing
        by_class = part.kind == "ivrs_southbridge_class" and host.has(SOUTHBRIDGE_BY_CLASS)
        return None if told or by_class else _of(host, tables.proof(part))
    lines = [line for line in tables.log(host) if "IOAPIC" in line]
    if not any(_LINE in line for line in lines) or any("not in IVRS" in line for line in lines):
        return None
    claim = "the kernel finds the southbridge's IO-APIC in the IVRS"
    return _of(host, tables.logged(host, claim, lines))


def _of(host: Host, because: Answer) -> Caused:
    return Caused(
        sentence="Interrupt remapping is off: the firmware's IVRS table does not place the "
        "southbridge's IO-APIC at 00:14.0.",
        rule=f"drivers/iommu/amd/init.c {_FUNCTION}; up to 7.3.3",
        because=because,
        change=ivrs_option.steps(host),
        ticket=ticket.of_table(
            host,
            "IVRS",
            host.snapshot.acpi.ivrs,
            fault="No special device entry (type 48h, variety 1) gives the IO-APIC of interrupt 0 "
            "the device id A0h (00:14.0).",
            function=_FUNCTION,
        ),
    )


CAUSE = why.of_remapping("ivrs_no_southbridge", _caused)
