"""MSI controllers inside a PCI host bridge: the doorbell may lie upstream of the IOMMU.

The names are those of drivers/pci/controller and drivers/irqchip, v6.12 to v7.3, and two older.
"""

from __future__ import annotations

import re

from vfioguard.irqchip import Irqchip

_PREFIXES = (
    "DW|BRCM|MTK3?|RCAR|advk|nwl|xilinx|Altera|Mobiveil|iProc|PLDA"
    "|MIP-MSI|PCH|SG2042|PNV|pSeries|HV"
)

IRQCHIP = Irqchip(
    family="host bridge MSI",
    chips=re.compile(rf"(?:{_PREFIXES})-(?:PCI-)?MSIX?|X-Gene1 MSI|BRCM STB PCIe MSI"),
    isolates=False,
    source="drivers/pci/controller, drivers/irqchip",
)
