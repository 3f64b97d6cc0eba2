"""Broadcom BCM2712 (Raspberry Pi 5): MSIs as SPIs of the GIC."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="BCM2712 MIP",
    chips=below("MIP-MSI-"),
    isolates=False,
    source="drivers/irqchip/irq-bcm2712-mip.c",
)
