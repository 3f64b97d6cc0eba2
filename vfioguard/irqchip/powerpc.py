"""POWER: PowerNV (OPAL) and pSeries. There VFIO attaches by sPAPR TCE, which does not test MSIs."""

from __future__ import annotations

from vfioguard.irqchip import Irqchip, below

IRQCHIP = Irqchip(
    family="POWER MSI",
    chips=below("PNV-", "pSeries-"),
    isolates=False,
    source="arch/powerpc/platforms/powernv/pci-ioda.c, arch/powerpc/platforms/pseries/msi.c",
)
