"""Annapurna Labs Alpine: MSIs as SPIs of the GIC. `MSIx` up to v6.12."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Alpine MSI",
    chips=frozenset({"MSIx"}) | below("ALPINE-"),
    isolates=False,
    source="drivers/irqchip/irq-alpine-msi.c",
)
