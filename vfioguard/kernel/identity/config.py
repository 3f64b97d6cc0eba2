"""The kernel's build configuration: /boot/config-R, /lib/modules/R/config or /proc/config.gz.

Alpine has one of each flavour, /boot/config-lts, which is the running kernel's only where its title
names the release's version. /lib/modules/R/build/.config is not asked: whoever builds a next kernel
has changed it.

Only the options that decide which attach paths this kernel has are kept, and one more: PROC_FS
stands behind all of them, so a file without it was cut, and what it lacks is not known to be off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from, printable, printable_bytes
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, first, reading, text

GZ = "/proc/config.gz"
#: By release; the third is the second where a recorded tree lacks the link /lib -> usr/lib.
PATHS = (
    "/boot/config-{release}",
    "/lib/modules/{release}/config",
    "/usr/lib/modules/{release}/config",
)
_LIMIT = 1 << 20
#: Its third line: the `mainmenu` of the kernel's Kconfig.
_TITLE = rb"(?m)^# Linux/\S+ (\S+) Kernel Configuration$"

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
            found[name] = printable(value)
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
    for path in PATHS if release else ():
        readings.append(reading(root, path.format(release=release), parse, _LIMIT, select))
        if isinstance(readings[-1], Fact):
            return readings[-1]
    readings.append(_read_gz(root))
    if isinstance(readings[-1], Gap) and release and (flavour := _flavour(release)):
        readings.append(_read_flavour(root, release, flavour))
    return first(tuple(readings))


def _flavour(release: str) -> str | None:
    """Alpine's releases are "6.6.32-0-lts": version, release of the package, flavour."""
    match = re.fullmatch(r"\d[\d.]*(?:-rc\d+)?-\d+-([a-z][a-z0-9.]*)", release)
    return match[1] if match else None


def _read_flavour(root: Root, release: str, flavour: str) -> Reading[Config]:
    """The configuration of the flavour that is installed, if that is the running one.

    Its title names the version alone; the package's own note names the whole release, where it
    stands (Alpine, main/linux-lts/APKBUILD).
    """
    path = f"/boot/config-{flavour}"

    def of_release(raw: bytes) -> Config:
        title = re.search(_TITLE, raw)
        version = printable_bytes(title[1]) if title else "nobody knows which kernel"
        if not f"{release}-".startswith(f"{version}-"):
            raise Malformed(f"the configuration of {version}, and {release} is running")
        return parse(raw)

    found = reading(root, path, of_release, _LIMIT, _select_titled)
    if isinstance(found, Gap):
        return found
    note = reading(root, f"/usr/share/kernel/{flavour}/kernel.release", text)
    if isinstance(note, Fact) and note.value != release:
        return Gap(Why.MALFORMED, path, f"{note.value} is installed, and {release} is running")
    return found


def _select_titled(raw: bytes) -> bytes:
    title = re.search(_TITLE, raw)
    return (title[0] + b"\n" if title else b"") + select(raw)
