"""POWER: PowerNV (OPAL) and pSeries. VFIO attaches there by sPAPR TCE, without a test of MSIs."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="POWER MSI",
    chips=below("PNV-", "pSeries-"),
    isolates=False,
    source="arch/powerpc/platforms/powernv/pci-ioda.c, arch/powerpc/platforms/pseries/msi.c",
)
