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
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?!\d)")
# Kernels that carry years of backports under an old number: RHEL and its rebuilds, SLES.
_BACKPORTS = re.compile(r"\.(?:el|oe|an|al|lp)\d|-default$|-\d{6}\.\d")


class Release(NamedTuple):
    """`version` is (major, minor); `backports` says that it is not to be trusted."""

    text: str
    version: tuple[int, int]
    backports: bool


def parse(raw: bytes) -> Release:
    """ "6.12.107+deb13-amd64" -> version (6, 12)."""
    release = text(raw)
    match = _VERSION.match(release)
    if match is None or "/" in release:
        raise Malformed(f"no kernel version: {release!r:.64}")
    version = int(match[1]), int(match[2])
    return Release(release, version, _BACKPORTS.search(release) is not None)


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
