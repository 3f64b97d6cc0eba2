"""`ivrs_ioapic=` on the command line has a wrong value, or a form unknown to this kernel.

Change on x86: replace it by what is printed, and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import ivrs_option, tables, why
from vfioguard.inference.host import Host
from vfioguard.logic import ask
from vfioguard.remedy.command_line import edit

_KINDS = ("io_apic_not_in_ivrs", "ivrs_no_southbridge", "ivrs_southbridge_class")


def _caused(host: Host) -> Caused | None:
    given = ivrs_option.given(host)
    part = tables.condition(host, *_KINDS)
    if not given or part is None:
        return None
    needless = ivrs_option.passes(host, ()) is True
    cure = ivrs_option.cure(host)
    if needless:
        change = edit(host, remove=given)
    elif cure is not None and set(cure.add) != set(given):
        change = edit(host, add=cure.add, remove=given)
    else:
        return None
    fault = "has a wrong value"
    if ivrs_option.understood(host, given) is False:
        fault = "has a form that this kernel does not take"
    text = " ".join(given)
    return Caused(
        sentence=f"Interrupt remapping is off: {text} on the kernel command line {fault} "
        f"({part.finding}).",
        rule="drivers/iommu/amd/init.c parse_ivrs_ioapic(): [ID]=BUS:DEV.FN in all kernels, "
        "=ID@SEGMENT:BUS:DEV.FN since 6.2 and some stable releases",
        because=ask(
            f"{text} tells where the southbridge's IO-APIC is",
            host.snapshot.kernel.cmdline,
            lambda _: False,
        ),
        change=(change,),
    )


CAUSE = why.of_remapping("ivrs_ioapic_wrong", _caused, CHOSEN)
