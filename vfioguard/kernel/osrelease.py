"""/proc/sys/kernel/osrelease: the running kernel's release string (`uname -r`).

Where a recording lacks that file, /proc/version has the release in its banner. Weak evidence of
what the kernel does: distributions backport. Symbols are better (symbols.py).
"""

import re
from typing import NamedTuple

from vfioguard.fact import Gap, Malformed, Reading, Why
from vfioguard.root import Root, reading, text

PATH = "/proc/sys/kernel/osrelease"
#: "Linux version RELEASE (who built it) ...": fs/proc/version.c.
VERSION = "/proc/version"

_BANNER = b"Linux version "
# Debian and Ubuntu write 6.1.0-50-amd64, 6.8.0-45-generic: their 0 is nobody's sublevel.
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?!\d)(?:\.(\d{1,4})(?!\d)(?<!\.0(?=-\d)))?")
# Kernels that carry years of backports under an old number. SUSE's have a release of their own
# before the flavour (5.14.21-150500.33.57-azure, 4.12.14-122.46-default), where Ubuntu's have one
# number (6.8.0-1014-azure). NVIDIA's take what its machines need long before their number has it.
_BACKPORTS = re.compile(
    r"-default$|-\d{6}\.\d|-\d+\.\d[\d.]*-(?:azure|preempt|rt|64kb|kvmsmall|xen|pae|vanilla)$"
    r"|-(?:nvidia|tegra|bluefield)(?![a-z])|tlinux\d|euleros|\.bsk\.|\.ve\.\d|_fbk\d"
)
# The mark of an RPM distribution: .el9_4, .oe2203, .vz9, .ky10, .uelc20, .tl4, .hce2, .es8 ...
_MARK = re.compile(r"\.([a-z]+)\d")
#: Marks of those that follow mainline, of architectures, and what only looks like one.
_FOLLOWING = frozenset({
    "amzn", "arch", "azl", "bpo", "cm", "deb", "fc", "mga", "pclos", "ph", "rc",
    "aarch", "armv", "i", "loongarch", "ppc", "riscv", "s", "x",
})  # fmt: skip


class Release(NamedTuple):
    """`version` is (major, minor); `backports` says that it is not to be trusted.

    `sublevel` is that of kernel.org's stable series, None where the string does not tell it.
    """

    text: str
    version: tuple[int, int]
    sublevel: int | None
    backports: bool


def parse(raw: bytes) -> Release:
    """ "6.12.107+deb13-amd64" -> version (6, 12), sublevel 107."""
    release = text(raw)
    match = _VERSION.match(release)
    if match is None or "/" in release:
        raise Malformed(f"no kernel version: {release!r:.64}")
    return Release(
        text=release,
        version=(int(match[1]), int(match[2])),
        sublevel=int(match[3]) if match[3] else None,
        backports=_backports(release),
    )


def _backports(release: str) -> bool:
    marks = _MARK.findall(release)
    return not _FOLLOWING.issuperset(marks) or _BACKPORTS.search(release) is not None


def select(raw: bytes) -> bytes:
    """Keep the banner up to the release: what follows names who built the kernel, and where."""
    if not raw.startswith(_BANNER):
        return b""
    return _BANNER + raw[len(_BANNER) :].partition(b" ")[0]


def parse_banner(raw: bytes) -> Release:
    """ "Linux version 6.12.107+deb13-amd64 (...)" -> that release."""
    return parse(select(raw)[len(_BANNER) :])


def read(root: Root) -> Reading[Release]:
    """The running kernel's release."""
    found = reading(root, PATH, parse)
    if not isinstance(found, Gap) or found.why is not Why.ABSENT:
        return found
    banner = reading(root, VERSION, parse_banner, select=select)
    return found if isinstance(banner, Gap) and banner.why is Why.ABSENT else banner
