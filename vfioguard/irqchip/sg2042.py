"""Sophgo SG2042 and SG2044."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Sophgo MSI",
    chips=below("SG2042-", "SG2044-"),
    isolates=False,
    source="drivers/irqchip/irq-sg2042-msi.c",
)
