"""Intel and AMD interrupt remapping: both have the prefix `IR-`.

From v6.2 the prefix is `vIR-` if the unit is virtual (Intel CAP.CM, AMD NpCache): Linux commits
810531a1af53 ("iommu/vt-d: Enable PCI/IMS") and 73c658f384d7 ("iommu/amd: Enable PCI/IMS"), reverted
before v6.12. The domain and its flag are the same.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="x86 interrupt remapping",
    chips=frozenset({"IR-PCI-MSI", "IR-PCI-MSIX", "vIR-PCI-MSI", "vIR-PCI-MSIX"}),
    isolates=True,
    source="drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/iommu.c",
)
