"""One file per IOMMU driver: how /sys/class/iommu calls its instances, and what they tell."""

from collections.abc import Callable
from typing import NamedTuple

from vfioguard.fact import Malformed

Number = Callable[[bytes], int]

_DIGITS = "0123456789abcdef"


def hexadecimal(raw: bytes) -> int:
    r""" "%llx\n" of a register; int() alone would also take signs, blanks and underscores."""
    digits = raw.removesuffix(b"\n")
    if not 1 <= len(digits) <= 16 or digits.strip(_DIGITS.encode()):
        raise Malformed(f"not a hexadecimal number: {raw[:32]!r}")
    return int(digits, 16)


def numbered(prefix: str) -> Callable[[str], bool]:
    """Whether a name is the prefix and a decimal number."""
    return lambda name: name.startswith(prefix) and name[len(prefix) :].isdecimal()


def addressed(prefix: str) -> Callable[[str], bool]:
    """Whether a name is the prefix and a hexadecimal number."""

    def matches(name: str) -> bool:
        digits = name[len(prefix) :]
        return name.startswith(prefix) and digits != "" and not digits.strip(_DIGITS)

    return matches


def beginning(prefix: str) -> Callable[[str], bool]:
    """Whether a name is the prefix and that of a device."""
    return lambda name: name.startswith(prefix) and name != prefix


class IommuDriver(NamedTuple):
    """`instance` knows names below /sys/class/iommu; `attributes` are its files there.

    `remaps_interrupts`: the driver owns an interrupt remapping unit (x86 only). `capable_until`:
    the first kernel that no longer reports IOMMU_CAP_INTR_REMAP as a constant (policy.md 2.1).
    `coherent`: whether it reports IOMMU_CAP_CACHE_COHERENCY for every device, as read in 6.1.176 to
    7.3.4; None where the unit decides.
    """

    name: str
    instance: Callable[[str], bool]
    attributes: tuple[tuple[str, Number], ...] = ()
    remaps_interrupts: bool = False
    capable_until: tuple[int, int] | None = None
    coherent: bool | None = None
