"""GICv2m frames: a doorbell that any writer can ring for any of its SPIs."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv2m",
    chips=frozenset({"GICv2m-pMSI", "GICv2m-PCI-MSI", "GICv2m-PCI-MSIX"}),
    isolates=False,
    source="drivers/irqchip/irq-gic-v2m.c",
)
