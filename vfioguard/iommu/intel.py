"""Intel VT-d: `dmarN`, drivers/iommu/intel/iommu.c intel_iommu_attrs (VT-d 5.0 11.4.2, 11.4.3)."""

from __future__ import annotations

from vfioguard.iommu import IommuDriver, hexadecimal, numbered

#: ECAP bit 3, IR: the unit can remap interrupts. Whether it does is not there (VT-d 5.0 11.4.3).
ECAP_IR = 1 << 3


DRIVER = IommuDriver(
    name="intel",
    instance=numbered("dmar"),
    attributes=(
        ("intel-iommu/address", hexadecimal),
        ("intel-iommu/cap", hexadecimal),
        ("intel-iommu/ecap", hexadecimal),
    ),
    remaps_interrupts=True,
    coherent=True,
)
