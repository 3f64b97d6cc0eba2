"""From 7.3.4 on the southbridge's IO-APIC must be an SMBus or ISA bridge function.

Change on x86: update the firmware, or boot an older kernel.
"""

from __future__ import annotations

from vfioguard.cause import Caused
from vfioguard.cause.parts import ivrs_option, tables, ticket, why
from vfioguard.inference import borders
from vfioguard.inference.host import Host
from vfioguard.report import Step

_FUNCTION = "check_sb_ioapic()"


def _caused(host: Host) -> Caused | None:
    part = tables.condition(host, "ivrs_southbridge_class")
    left_out = tables.condition(host, "io_apic_not_in_ivrs")
    told = left_out is not None and ivrs_option.timers(host) in left_out.missing
    if part is None or told or not host.has(borders.AMD_SOUTHBRIDGE_BY_CLASS):
        return None
    return Caused(
        sentence="Interrupt remapping is off: the firmware's IVRS table places the southbridge's "
        "IO-APIC at no SMBus or ISA bridge function.",
        rule=f"drivers/iommu/amd/init.c {_FUNCTION}; since 7.3.4",
        because=tables.proof(part),
        change=(*ivrs_option.steps(host), _older()),
        ticket=ticket.of_table(
            host,
            "IVRS",
            host.snapshot.acpi.ivrs,
            fault="The special device entry (type 48h, variety 1) of the IO-APIC of interrupt 0 "
            "has the device id of no function of class 0C05h or 0601h.",
            function=_FUNCTION,
        ),
    )


def _older() -> Step:
    return Step("Or boot a kernel before 7.3.4, which asks for the place 00:14.0 alone.")


CAUSE = why.of_remapping("ivrs_southbridge_class", _caused)
