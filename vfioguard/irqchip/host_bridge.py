"""MSI controllers inside a PCI host bridge: the doorbell may lie upstream of the IOMMU.

All chips in drivers/pci/controller of v5.10, v6.1, v6.12, v7.2 and v7.3, except Hyper-V's
(hyperv.py), VMD's (vmd.py), and those with the names `MSI` (unnamed_msi.py) and `PCI-MSI`
(x86_vector.py).
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

#: Prefixes in `struct msi_parent_ops`. v6.12 has MediaTek's; most came between v6.12 and v7.2.
_PREFIXES = (
    "ASPEED-", "Altera-", "BRCM-", "DW-", "MTK-", "MTK3-", "Mobiveil-", "PLDA-", "RCAR-", "RZG3S-",
    "advk-", "iProc-", "nwl-", "pl_dma-", "xilinx-",
)  # fmt: skip
#: The names that these chips had before. `PCIe MSI` is Apple's, R-Car's and Xilinx's.
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
