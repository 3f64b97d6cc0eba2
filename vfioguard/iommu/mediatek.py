"""MediaTek: `mtk-iommu.0x...`, drivers/iommu/mtk_iommu.c, which has no `capable` (7.3.4)."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, addressed

DRIVER = IommuDriver("mtk-iommu", addressed("mtk-iommu.0x"), coherent=False)
