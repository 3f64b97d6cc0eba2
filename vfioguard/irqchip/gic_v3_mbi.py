"""GICv3 message-based interrupts: SPIs behind one open doorbell."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv3 MBI",
    chips=frozenset({"MBI-pMSI", "MBI-PCI-MSI", "MBI-PCI-MSIX"}),
    isolates=False,
    source="drivers/irqchip/irq-gic-v3-mbi.c",
)
