"""GICv5 ITS (v6.18 and later)."""

from __future__ import annotations

import re

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv5 ITS",
    chips=re.compile(r"ITS-v5-(?:pMSI|PCI-MSIX?)"),
    isolates=True,
    source="drivers/irqchip/irq-gic-v5-its.c",
    its=True,
)
