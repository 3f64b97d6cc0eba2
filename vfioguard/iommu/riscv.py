"""RISC-V: `riscv-iommu@DEVICE`, drivers/iommu/riscv/iommu.c riscv_iommu_init().

Its iommu_ops have no `capable` (7.3.4), so VFIO binds nothing behind it (policy.md 4.4).
"""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, beginning

DRIVER = IommuDriver("riscv-iommu", beginning("riscv-iommu@"), coherent=False)
