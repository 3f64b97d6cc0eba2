"""Intel and AMD interrupt remapping: the prefix `IR-` on both."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="x86 interrupt remapping",
    chips=frozenset({"IR-PCI-MSI", "IR-PCI-MSIX"}),
    isolates=True,
    source="drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/iommu.c",
)
