"""Intel VMD, if it maps its children's MSIs onto its own vectors.

Its domain has no parent and no flag (drivers/pci/controller/vmd.c vmd_create_irq_domain()), so from
v6.3 on its children are not isolated, even with interrupt remapping.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

FAMILY = "VMD"

#: The VMDs without VMD_FEAT_CAN_BYPASS_MSI_REMAP, by PCI id: all of vmd_ids[] up to 7.3.4 except
#: 8086:28C0 and 8086:28C1. They have vectors while they are bound to the driver.
REMAPS_ALWAYS = frozenset({
    "8086:201D", "8086:467F", "8086:4C3D", "8086:7D0B", "8086:9A0B", "8086:A77F", "8086:AD0B",
    "8086:B06F", "8086:B07F", "8086:B60B", "8086:D70B", "8086:D73B",
})  # fmt: skip

IRQCHIP = Irqchip(
    family=FAMILY,
    chips=frozenset({"VMD-MSI", "VMD-PCI-MSI", "VMD-PCI-MSIX"}),
    isolates=False,
    source="drivers/pci/controller/vmd.c",
)
