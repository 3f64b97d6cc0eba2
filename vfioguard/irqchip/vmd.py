"""Intel VMD that remaps its children's MSIs onto its own vectors.

Its domain is a root without parent and flag (drivers/pci/controller/vmd.c vmd_create_irq_domain()),
so its children are not isolated from v6.3 on, even with interrupt remapping.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

FAMILY = "VMD"

#: The VMDs without VMD_FEAT_CAN_BYPASS_MSI_REMAP, by PCI id: all that vmd_ids[] has up to 7.3.4 but
#: 8086:28C0 and 8086:28C1. While bound to the driver they have vectors.
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
