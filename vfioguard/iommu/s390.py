"""s390: `s390-iommu.FUNCTION`, drivers/iommu/s390-iommu.c s390_iommu_capable()."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

DRIVER = IommuDriver("s390-iommu", addressed("s390-iommu."), coherent=True)
