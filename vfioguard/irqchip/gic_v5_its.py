"""GICv5 ITS (v6.18 and later)."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv5 ITS",
    chips=frozenset({"ITS-v5-pMSI", "ITS-v5-PCI-MSI", "ITS-v5-PCI-MSIX"}),
    isolates=True,
    source="drivers/irqchip/irq-gic-v5-its.c",
    its=True,
)
