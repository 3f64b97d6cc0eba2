"""Freescale: only `iommu0`, drivers/iommu/fsl_pamu_domain.c fsl_pamu_capable()."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver


def _is_pamu(name: str) -> bool:
    return name == "iommu0"


DRIVER = IommuDriver("fsl-pamu", _is_pamu, coherent=True)
