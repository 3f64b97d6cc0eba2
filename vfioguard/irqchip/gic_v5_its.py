"""GICv5 ITS (v6.18 and later)."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="GICv5 ITS",
    chips=below("ITS-v5-"),
    isolates=True,
    source="drivers/irqchip/irq-gic-v5-its.c gicv5_its_init_domain()",
    its=True,
)
