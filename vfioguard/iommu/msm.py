"""Older Qualcomm: `msm-smmu.0x...`, drivers/iommu/msm_iommu.c, which has no `capable` (7.3.4)."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

DRIVER = IommuDriver("msm-iommu", addressed("msm-smmu.0x"), coherent=False)
