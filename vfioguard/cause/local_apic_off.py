"""`nolapic` or `disableapic`: without local APICs the kernel makes no MSI domain at all.

Change on x86: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import options, switched_off, why
from vfioguard.inference.host import Host


def _caused(host: Host) -> Caused | None:
    off = options.local_apics_off(options.words(host))
    if not off:
        return None
    return switched_off.caused(
        host,
        sentence=f"Interrupt remapping is off: {off[0]} on the kernel command line.",
        rule="arch/x86/kernel/apic/apic.c apic_intr_mode_init(): no local APIC, no remapping; "
        "all kernels",
        remove=tuple(dict.fromkeys(off)),
    )


CAUSE = why.of_remapping("local_apic_off", _caused, CHOSEN)
