"""The kernel's build configuration: /boot/config-R, /lib/modules/R/config or /proc/config.gz.

Only the options that decide which attach paths this kernel has are kept, and one more: PROC_FS
stands behind all of them, so a file without it was cut, and what it lacks is not known to be off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, first, reading

GZ = "/proc/config.gz"
_LIMIT = 1 << 20

OPTIONS = (
    "IRQ_REMAP",
    "PCI_MSI",
    "VFIO",
    "VFIO_CONTAINER",
    "VFIO_IOMMU_TYPE1",
    "VFIO_IOMMU_SPAPR_TCE",
    "VFIO_NOIOMMU",
    "IOMMUFD",
    "IOMMUFD_VFIO_CONTAINER",
    "IOMMUFD_NOIOMMU",
    "PROC_FS",
)

#: Option without CONFIG_ -> "y", "m" or "n".
Config: TypeAlias = Mapping[str, str]


def select(raw: bytes) -> bytes:
    """Keep the lines of `OPTIONS`; searching beats splitting a 260 kB file into lines."""
    raw = b"\n" + raw
    kept: list[bytes] = []
    for option in OPTIONS:
        for line in (f"\nCONFIG_{option}=", f"\n# CONFIG_{option} is not set"):
            at = raw.find(line.encode())
            if at >= 0:
                end = raw.find(b"\n", at + 1)
                kept.append(raw[at + 1 : end if end >= 0 else len(raw)])
                break
    return b"".join(line + b"\n" for line in kept)


def parse(raw: bytes) -> Config:
    """An option that a configuration does not name is not built."""
    found: dict[str, str] = dict.fromkeys(OPTIONS, "n")
    lines = select(raw).decode("ascii", "replace").splitlines()
    if not lines:
        raise Malformed("not a kernel configuration")
    for line in lines:
        name, equals, value = line.removeprefix("CONFIG_").partition("=")
        if equals:
            found[name] = value
    if found["PROC_FS"] != "y":
        raise Malformed("not the whole of a kernel configuration")
    return found


def _read_gz(root: Root) -> Reading[Config]:
    """/proc/config.gz: gzip, about 1 MiB unpacked."""
    import zlib

    try:
        packed = root.read(GZ, _LIMIT)
        unpacked = zlib.decompressobj(wbits=31).decompress(packed, 8 * _LIMIT)
    except OSError as error:
        return gap_from(error, GZ)
    except zlib.error as error:
        return Gap(Why.MALFORMED, GZ, f"not gzip: {error}")
    return parse_raw(select(unpacked), GZ, parse)


def read(root: Root, release: str | None) -> Reading[Config]:
    """The configuration of the running kernel, as far as OPTIONS go."""
    readings: list[Reading[Config]] = []
    paths = (f"/boot/config-{release}", f"/lib/modules/{release}/config") if release else ()
    for path in paths:
        readings.append(reading(root, path, parse, _LIMIT, select))
        if isinstance(readings[-1], Fact):
            return readings[-1]
    readings.append(_read_gz(root))
    return first(tuple(readings))
