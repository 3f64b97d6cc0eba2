"""GICv3 ITS: translates (device, event) pairs, so a device reaches only its own interrupts.

`ITS-MSI` (PCI) up to v6.10, `ITS-fMSI` (fsl-mc) up to v7.1. The flag is set in irq-gic-v3-its.c.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="GICv3 ITS",
    chips=frozenset({"ITS-MSI", "ITS-fMSI"}) | below("ITS-"),
    isolates=True,
    # The second file was irq-gic-v3-its-pci-msi.c in 6.1, irq-gic-v3-its-msi-parent.c in 6.12.
    source="drivers/irqchip/irq-gic-v3-its.c, irq-gic-its-msi-parent.c",
    its=True,
)
