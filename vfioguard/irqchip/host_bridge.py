"""MSI controllers inside a PCI host bridge: the doorbell may lie upstream of the IOMMU.

All of drivers/pci/controller in v5.10, v6.1, v6.12, v7.2 and v7.3, but for Hyper-V (hyperv.py), VMD
(vmd.py), and those that are called `MSI` (unnamed_msi.py) or `PCI-MSI` (x86_vector.py).
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

#: `struct msi_parent_ops`; most are new between v6.12 and v7.2, MediaTek's stands in v6.12.
_PREFIXES = (
    "ASPEED-", "Altera-", "BRCM-", "DW-", "MTK-", "MTK3-", "Mobiveil-", "PLDA-", "RCAR-", "RZG3S-",
    "advk-", "iProc-", "nwl-", "pl_dma-", "xilinx-",
)  # fmt: skip
#: The chips that they had before. `PCIe MSI` is Apple, R-Car and Xilinx.
_EARLIER = (
    "Altera PCIe MSI", "BRCM STB PCIe MSI", "MTK PCIe MSI", "Microchip PCIe MSI",
    "Mobiveil PCIe MSI", "PCIe MSI", "PLDA PCIe MSI", "R-Car PCIe MSI", "Tegra PCIe MSI",
    "X-Gene1 MSI", "Xilinx PCIe MSI", "advk-MSI", "iProc-MSI", "nwl_pcie:msi", "pl_dma:PCIe MSI",
)  # fmt: skip

IRQCHIP = Irqchip(
    family="host bridge MSI",
    chips=frozenset(_EARLIER) | below(*_PREFIXES),
    isolates=False,
    source="drivers/pci/controller",
)
