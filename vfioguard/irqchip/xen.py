"""Xen event channels in place of MSIs: the domain has no parent and no flag.

`xen-pirq-msi` and `xen-pirq-msi-x` are the chip `xen-pirq` and the name of the interrupt's flow:
/proc/interrupts prints both in one word.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="Xen",
    chips=frozenset(
        {"xen-pirq", "xen-pirq-msi", "xen-pirq-msi-x"}
        | {"xen-dyn", "xen-dyn-lateeoi", "xen-percpu"}
    ),
    isolates=False,
    source="drivers/xen/events/events_base.c, arch/x86/pci/xen.c",
)
