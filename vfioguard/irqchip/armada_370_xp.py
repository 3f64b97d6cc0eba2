"""Marvell Armada 370 and XP: MSIs as doorbells of the MPIC. `MPIC MSI` up to v6.12."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Armada MPIC MSI",
    chips=frozenset({"MPIC MSI"}) | below("MPIC-"),
    isolates=False,
    source="drivers/irqchip/irq-armada-370-xp.c",
)
