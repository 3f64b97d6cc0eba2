"""GICv3 ITS: translates (device, event) pairs, so a device reaches only its own interrupts."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv3 ITS",
    chips=frozenset({"ITS-MSI", "ITS-pMSI", "ITS-fMSI", "ITS-PCI-MSI", "ITS-PCI-MSIX"}),
    isolates=True,
    # Once irq-gic-v3-its-pci-msi.c (6.1), then irq-gic-v3-its-msi-parent.c (6.12).
    source="drivers/irqchip/irq-gic-v3-its.c, irq-gic-its-msi-parent.c",
    its=True,
)
