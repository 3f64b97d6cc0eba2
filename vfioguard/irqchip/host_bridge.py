"""MSI controllers inside a PCI host bridge: the doorbell may lie upstream of the IOMMU.

The names are those of drivers/pci/controller and drivers/irqchip, v6.12 to v7.3, and two older.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

_PREFIXES = (
    "DW", "BRCM", "MTK", "MTK3", "RCAR", "advk", "nwl", "xilinx", "Altera", "Mobiveil", "iProc",
    "PLDA", "MIP-MSI", "PCH", "SG2042", "PNV", "pSeries", "HV",
)  # fmt: skip
_NAMES = {f"{prefix}-{kind}" for prefix in _PREFIXES for kind in ("MSI", "PCI-MSI", "PCI-MSIX")}

IRQCHIP = Irqchip(
    family="host bridge MSI",
    chips=frozenset(_NAMES | {"X-Gene1 MSI", "BRCM STB PCIe MSI"}),
    isolates=False,
    source="drivers/pci/controller, drivers/irqchip",
)
