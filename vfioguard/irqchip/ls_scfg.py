"""NXP Layerscape SCFG. Up to v6.12 the name of its chip is `MSI` (unnamed_msi.py)."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Layerscape SCFG MSI",
    chips=below("MSI-"),
    isolates=False,
    source="drivers/irqchip/irq-ls-scfg-msi.c",
)
