"""Arm SMMUv1 and v2: `smmu.0x...`, drivers/iommu/arm/arm-smmu/arm-smmu.c."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

# v4.11 dropped the constant answer ("MSIs are just memory writes"): irqchips have the flag since.
DRIVER = IommuDriver("arm-smmu", addressed("smmu.0x"), capable_until=(4, 11))
