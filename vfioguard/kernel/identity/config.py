"""The kernel's build configuration: /boot/config-R, /lib/modules/R/config or /proc/config.gz.

Alpine has a file for each flavour, for instance /boot/config-lts. It is the running kernel's only
if its title names the release's version. /lib/modules/R/build/.config is not read, because building
a next kernel changes it.

Only the options are kept that decide which attach paths this kernel has, those that say whether
x86's IOMMUs are used, and PROC_FS. That one comes after all of them, so a file without it was cut,
and options that it lacks may be on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from, printable, printable_bytes
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, first, reading, text
from vfioguard.typed import TypeAlias

GZ = "/proc/config.gz"
#: By release. The third path is for a recorded tree that lacks the link /lib -> usr/lib.
PATHS = (
    "/boot/config-{release}",
    "/lib/modules/{release}/config",
    "/usr/lib/modules/{release}/config",
)
_LIMIT = 1 << 20
#: The third line of a configuration: the `mainmenu` of the kernel's Kconfig.
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
#: Options that are known only if the file names them, because recordings of earlier releases of
#: vfioguard lack them.
_NAMED = (
    "VFIO_DEVICE_CDEV",
    "VFIO_PCI",
    "VFIO_PLATFORM",
    "VFIO_AMBA",
    "VFIO_FSL_MC",
    "VFIO_CDX",
)

_OFF = " is not set"

#: Options that an advice asks for. They stand near IRQ_REMAP, in drivers/iommu/Kconfig.
ADVICE = (
    "AMD_IOMMU",
    "INTEL_IOMMU",
    "INTEL_IOMMU_DEFAULT_ON",
    "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF",  # Debian's
    "INTEL_IOMMU_DEFAULT_OFF",  # Debian's
)
#: Only a part of the file is searched for them: from all of it each would take 0.1 ms.
_NEAR, _SPAN = "IRQ_REMAP", 3000
_ADVICE = frozenset(
    line.encode()
    for option in ADVICE
    for line in (f"CONFIG_{option}=y", f"# CONFIG_{option} is not set")
)

#: Option without CONFIG_ -> "y", "m" or "n". One of `ADVICE` is missing if no line names it.
Config: TypeAlias = Mapping[str, str]


def select(raw: bytes) -> bytes:
    """Keep the lines of `OPTIONS`. Searching is faster than splitting 260 kB into lines."""
    raw = b"\n" + raw
    kept: list[bytes] = []
    near = -1
    for option in (*_NAMED, *OPTIONS):
        for line in (f"\nCONFIG_{option}=", f"\n# CONFIG_{option} is not set"):
            before = raw.find(line.encode())
            if before >= 0:
                near = before if option == _NEAR else near
                end = raw.find(b"\n", before + 1)
                kept.append(raw[before + 1 : end if end >= 0 else len(raw)])
                break
    if near >= 0:
        part = raw[max(near - _SPAN, 0) : near + _SPAN]
        kept += [line for line in dict.fromkeys(part.split(b"\n")) if line in _ADVICE]
    return b"".join(line + b"\n" for line in kept)


def parse(raw: bytes) -> Config:
    """The options. Raises Malformed if the file was cut.

    One of `OPTIONS` that the file does not name is "n".
    """
    config: dict[str, str] = dict.fromkeys(OPTIONS, "n")
    lines = select(raw).decode("ascii", "replace").splitlines()
    if not lines:
        raise Malformed("not a kernel configuration")
    for line in lines:
        name, equals, value = line.removeprefix("CONFIG_").partition("=")
        if equals:
            config[name] = printable(value)
        elif name.endswith(_OFF):
            config[name.removesuffix(_OFF).removeprefix("# CONFIG_")] = "n"
    if config["PROC_FS"] != "y":
        raise Malformed("not the whole of a kernel configuration")
    return config


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
    """The `OPTIONS` of the running kernel; `release` is None if it is not known."""
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
    """The flavour in Alpine's release "6.6.32-0-lts": version, package's release, flavour."""
    match = re.fullmatch(r"\d[\d.]*(?:-rc\d+)?-\d+-([a-z][a-z0-9.]*)", release)
    return match[1] if match else None


def _read_flavour(root: Root, release: str, flavour: str) -> Reading[Config]:
    """The configuration of the installed flavour. Returns a gap if another release is running.

    The file's title names only the version. The package's kernel.release names the whole release,
    but not every package has it (Alpine, main/linux-lts/APKBUILD).
    """
    path = f"/boot/config-{flavour}"

    def of_release(raw: bytes) -> Config:
        title = re.search(_TITLE, raw)
        version = printable_bytes(title[1]) if title else "nobody knows which kernel"
        if not f"{release}-".startswith(f"{version}-"):
            raise Malformed(f"the configuration of {version}, and {release} is running")
        return parse(raw)

    config = reading(root, path, of_release, _LIMIT, _select_titled)
    if isinstance(config, Gap):
        return config
    note = reading(root, f"/usr/share/kernel/{flavour}/kernel.release", text)
    if isinstance(note, Fact) and note.value != release:
        return Gap(Why.MALFORMED, path, f"{note.value} is installed, and {release} is running")
    return config


def _select_titled(raw: bytes) -> bytes:
    title = re.search(_TITLE, raw)
    return (title[0] + b"\n" if title else b"") + select(raw)
