"""One file per IOMMU driver: how /sys/class/iommu calls its instances, and what they tell."""

import re
from collections.abc import Callable
from typing import NamedTuple

from vfioguard.fact import Malformed

Number = Callable[[bytes], int]

_HEXADECIMAL = re.compile(rb"[0-9a-f]{1,16}\n?")


def hexadecimal(raw: bytes) -> int:
    r""" "%llx\n" of a register; int() alone would also take signs, blanks and underscores."""
    if _HEXADECIMAL.fullmatch(raw) is None:
        raise Malformed(f"not a hexadecimal number: {raw[:32]!r}")
    return int(raw, 16)


class IommuDriver(NamedTuple):
    """`instance` matches names below /sys/class/iommu; `attributes` are its files there.

    `remaps_interrupts`: the driver owns an interrupt remapping unit (x86 only). `capable_until`:
    the first kernel that no longer reports IOMMU_CAP_INTR_REMAP as a constant (POLICY 2.1).
    """

    name: str
    instance: re.Pattern[str]
    attributes: tuple[tuple[str, Number], ...] = ()
    remaps_interrupts: bool = False
    capable_until: tuple[int, int] | None = None
