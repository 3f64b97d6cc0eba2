"""Arm SMMUv3: `smmu3.0x...`, drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c."""

from __future__ import annotations

import re

from vfioguard.iommu import IommuDriver

DRIVER = IommuDriver("arm-smmu-v3", re.compile(r"smmu3\.0x[0-9a-f]+"), capable_until=(4, 11))
