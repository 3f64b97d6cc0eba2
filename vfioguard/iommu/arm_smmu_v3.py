"""Arm SMMUv3: `smmu3.0x...`, drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

DRIVER = IommuDriver("arm-smmu-v3", addressed("smmu3.0x"), capable_until=(4, 11))
