"""Marvell Armada 7K and 8K: GICP, ODMI and SEI. `GICP`, `ODMI`, `SEI pMSI` up to v6.1."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="Marvell MSI",
    chips=frozenset({"GICP", "ODMI", "SEI pMSI"}) | below("GICP-", "ODMI-", "SEI-"),
    isolates=False,
    source="drivers/irqchip/irq-mvebu-gicp.c, irq-mvebu-odmi.c, irq-mvebu-sei.c",
)
