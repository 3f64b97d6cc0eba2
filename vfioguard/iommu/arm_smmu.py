"""Arm SMMUv1 and v2: `smmu.0x...`, drivers/iommu/arm/arm-smmu/arm-smmu.c."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

# The constant "MSIs are just memory writes" went when the irqchips took over (v4.11 series).
DRIVER = IommuDriver("arm-smmu", addressed("smmu.0x"), capable_until=(4, 11))
