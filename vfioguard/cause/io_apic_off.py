"""`noapic`, `nosmp` or `maxcpus=0`: without IO-APICs the kernel does not try to remap.

Change on x86: remove the word and reboot.
"""

from __future__ import annotations

from vfioguard.cause import CHOSEN, Caused
from vfioguard.cause.parts import options, switched_off, why
from vfioguard.inference.host import Host
from vfioguard.kernel.identity.cmdline import remapping_disabled


def _caused(host: Host) -> Caused | None:
    off = options.io_apics_off(options.words(host), remapping_disabled)
    if not off:
        return None
    return switched_off.caused(
        host,
        sentence=f"Interrupt remapping is off: {off[-1]} on the kernel command line.",
        rule="arch/x86/kernel/apic/apic.c enable_IR_x2apic(): not tried without IO-APICs; "
        "all kernels",
        remove=tuple(dict.fromkeys(off)),
    )


CAUSE = why.of_remapping("io_apic_off", _caused, CHOSEN)
