"""Arm SMMUv1 and v2: `smmu.0x...`, drivers/iommu/arm/arm-smmu/arm-smmu.c."""

from __future__ import annotations

import re

from vfioguard.iommu import IommuDriver

# The constant "MSIs are just memory writes" went when the irqchips took over (v4.11 series).
DRIVER = IommuDriver("arm-smmu", re.compile(r"smmu\.0x[0-9a-f]+"), capable_until=(4, 11))
