"""Firmware tables, parsed when somebody asks, and only once for the same bytes.

A command that needs no table does not even import a parser.
"""

from __future__ import annotations

from functools import lru_cache

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.typed import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from vfioguard.acpi import Parsed
    from vfioguard.acpi.dmar import Dmar
    from vfioguard.acpi.iort import Iort
    from vfioguard.acpi.ivrs import Ivrs
    from vfioguard.acpi.madt import Madt


@lru_cache(maxsize=16)
def parse(leaf: str, raw: bytes) -> Parsed[object]:
    """Parse a table with a leaf of vfioguard.acpi: what it holds, and where it breaks."""
    from vfioguard import acpi

    return acpi.table(leaf).parse(raw)


def madt(reading: Reading[bytes]) -> Reading[Madt]:
    """The MADT; a table that breaks is a gap, because half a table proves nothing."""
    return cast("Reading[Madt]", _whole("madt", reading))


def dmar(reading: Reading[bytes]) -> Reading[Dmar]:
    """The DMAR; a table that breaks is a gap."""
    return cast("Reading[Dmar]", _whole("dmar", reading))


def ivrs(reading: Reading[bytes]) -> Reading[Ivrs]:
    """The IVRS; a table that breaks is a gap."""
    return cast("Reading[Ivrs]", _whole("ivrs", reading))


def iort(reading: Reading[bytes]) -> Reading[Iort]:
    """The IORT; a table that breaks is a gap."""
    return cast("Reading[Iort]", _whole("iort", reading))


def _whole(leaf: str, reading: Reading[bytes]) -> Reading[object]:
    if isinstance(reading, Gap):
        return reading
    table, broken = parse(leaf, reading.value)
    if table is None or broken is not None:
        return Gap(Why.MALFORMED, reading.source, str(broken))
    return Fact(table, reading.raw, reading.source)
