"""POWER: `iommu-phbNNNN`, arch/powerpc/kernel/iommu.c spapr_tce_iommu_capable() (from v6.4)."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

DRIVER = IommuDriver("spapr-tce", addressed("iommu-phb"), coherent=True)
