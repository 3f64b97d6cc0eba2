"""Intel VMD that remaps its children's MSIs onto its own vectors.

Its domain is a root without parent and flag (drivers/pci/controller/vmd.c vmd_create_irq_domain()),
so its children are not isolated from v6.3 on, even with interrupt remapping.
"""

from __future__ import annotations

from vfioguard.irqchip import Irqchip

FAMILY = "VMD"

IRQCHIP = Irqchip(
    family=FAMILY,
    chips=frozenset({"VMD-MSI", "VMD-PCI-MSI", "VMD-PCI-MSIX"}),
    isolates=False,
    source="drivers/pci/controller/vmd.c",
)
