"""AMD-Vi: `ivhdN`, drivers/iommu/amd/init.c amd_iommu_attrs.

No bit of either register says whether interrupts are remapped (POLICY 3.5, 10.1).
"""

from __future__ import annotations

import re

from vfioguard.fact import Malformed
from vfioguard.iommu import IommuDriver


def features(raw: bytes) -> int:
    """EFR: "%llx" up to v5.10, "EFR2:EFR" in v6.1, "EFR:EFR2" from v6.12.

    The order is not in the file, so the number keeps the text's order: left part first.
    """
    try:
        parts = [int(part, 16) for part in raw.split(b":")]
    except ValueError as error:
        raise Malformed(f"not a feature register: {raw[:32]!r}") from error
    if len(parts) > 2:
        raise Malformed(f"not a feature register: {raw[:32]!r}")
    return parts[0] if len(parts) == 1 else parts[0] << 64 | parts[1]


def capability(raw: bytes) -> int:
    r""" "%x\n" of the PCI capability header."""
    try:
        return int(raw, 16)
    except ValueError as error:
        raise Malformed(f"not a hexadecimal number: {raw[:32]!r}") from error


DRIVER = IommuDriver(
    name="amd",
    instance=re.compile(r"ivhd\d+"),
    attributes=(("amd-iommu/cap", capability), ("amd-iommu/features", features)),
    remaps_interrupts=True,
)
