"""Loongson bridge chips. `PCH PCI MSI` up to v6.1."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Loongson PCH MSI",
    chips=frozenset({"PCH PCI MSI"}) | below("PCH-"),
    isolates=False,
    source="drivers/irqchip/irq-loongson-pch-msi.c",
)
