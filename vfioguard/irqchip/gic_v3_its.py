"""GICv3 ITS: translates (device, event) pairs, so a device reaches only its own interrupts."""

from __future__ import annotations

import re

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv3 ITS",
    chips=re.compile(r"ITS-(?:MSI|pMSI|fMSI|PCI-MSIX?)"),
    isolates=True,
    source="drivers/irqchip/irq-gic-v3-its-msi-parent.c, irq-gic-v3-its-pci-msi.c",
    its=True,
)
