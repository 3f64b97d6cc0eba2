"""NXP i.MX messaging units: MSIs of platform devices. `MU-MSI` up to v6.1."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="i.MX MU MSI",
    chips=frozenset({"MU-MSI"}) | below("MU-MSI-"),
    isolates=False,
    source="drivers/irqchip/irq-imx-mu-msi.c",
)
