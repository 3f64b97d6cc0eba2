"""Apple: `apple-dart.DEVICE`, drivers/iommu/apple-dart.c, which has no `capable` (7.3.4)."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, beginning

DRIVER = IommuDriver("apple-dart", beginning("apple-dart."), coherent=False)
