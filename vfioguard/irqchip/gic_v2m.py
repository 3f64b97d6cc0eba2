"""GICv2m frames: a doorbell that any writer can ring for any of its SPIs."""

from __future__ import annotations

import re

from vfioguard.irqchip import Irqchip

IRQCHIP = Irqchip(
    family="GICv2m",
    chips=re.compile(r"GICv2m-(?:pMSI|PCI-MSIX?)"),
    isolates=False,
    source="drivers/irqchip/irq-gic-v2m.c",
)
