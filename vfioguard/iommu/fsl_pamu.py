"""Freescale: the one `iommu0`, drivers/iommu/fsl_pamu_domain.c fsl_pamu_capable()."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver

DRIVER = IommuDriver("fsl-pamu", lambda name: name == "iommu0", coherent=True)
