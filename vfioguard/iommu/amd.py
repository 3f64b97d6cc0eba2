"""AMD-Vi: `ivhdN`, drivers/iommu/amd/init.c amd_iommu_attrs.

No bit of either register says whether interrupts are remapped (policy.md 3.5, 10.1).
"""

from __future__ import annotations

from vfioguard.fact import Malformed
from vfioguard.iommu import IommuDriver, hexadecimal, numbered


def features(raw: bytes) -> int:
    """EFR: "%llx" up to v5.10, "EFR2:EFR" in v6.1, "EFR:EFR2" from v6.12.

    The file does not tell the order, so the number keeps the text's order: left part first.
    """
    left, colon, right = raw.partition(b":")
    if not colon:
        return hexadecimal(left)
    if left.endswith(b"\n"):
        raise Malformed(f"not a feature register: {raw[:32]!r}")
    return hexadecimal(left) << 64 | hexadecimal(right)


DRIVER = IommuDriver(
    name="amd",
    instance=numbered("ivhd"),
    attributes=(("amd-iommu/cap", hexadecimal), ("amd-iommu/features", features)),
    remaps_interrupts=True,
    coherent=True,
)
