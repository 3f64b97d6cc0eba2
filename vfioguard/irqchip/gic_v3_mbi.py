"""GICv3 message-based interrupts: SPIs behind one open doorbell."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="GICv3 MBI",
    chips=below("MBI-"),
    isolates=False,
    source="drivers/irqchip/irq-gic-v3-mbi.c",
)
