"""GICv2m frames: a doorbell that any writer can ring for any of its SPIs."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="GICv2m",
    chips=below("GICv2m-"),
    isolates=False,
    source="drivers/irqchip/irq-gic-v2m.c",
)
