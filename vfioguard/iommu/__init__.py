"""One file per IOMMU driver: the names of its units in /sys/class/iommu, and what they tell."""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.fact import Malformed
from vfioguard.typed import NamedTuple

Number = Callable[[bytes], int]

_DIGITS = "0123456789abcdef"


def hexadecimal(raw: bytes) -> int:
    r"""A register as "%llx\n" prints it; int() alone would also take signs, blanks, underscores."""
    digits = raw.removesuffix(b"\n")
    if not 1 <= len(digits) <= 16 or digits.strip(_DIGITS.encode()):
        raise Malformed(f"not a hexadecimal number: {raw[:32]!r}")
    return int(digits, 16)


def numbered(prefix: str) -> Callable[[str], bool]:
    """A test whether a name is the prefix and a decimal number."""
    return lambda name: name.startswith(prefix) and name[len(prefix) :].isdecimal()


def addressed(prefix: str) -> Callable[[str], bool]:
    """A test whether a name is the prefix and a hexadecimal number."""

    def matches(name: str) -> bool:
        digits = name[len(prefix) :]
        return name.startswith(prefix) and digits != "" and not digits.strip(_DIGITS)

    return matches


def beginning(prefix: str) -> Callable[[str], bool]:
    """A test whether a name is the prefix and a device's name."""
    return lambda name: name.startswith(prefix) and name != prefix


class IommuDriver(NamedTuple):
    """A driver. `instance` tells whether a name in /sys/class/iommu is one of its units.

    `attributes` are files of such a unit. `remaps_interrupts`: whether the driver has interrupt
    remapping units (x86 only). `capable_until`: the first kernel that no longer reports
    IOMMU_CAP_INTR_REMAP as a constant (policy.md 2.1). `coherent`: whether it reports
    IOMMU_CAP_CACHE_COHERENCY for every device, as read in 6.1.176 to 7.3.4; None if each unit
    decides.
    """

    name: str
    instance: Callable[[str], bool]
    attributes: tuple[tuple[str, Number], ...] = ()
    remaps_interrupts: bool = False
    capable_until: tuple[int, int] | None = None
    coherent: bool | None = None
