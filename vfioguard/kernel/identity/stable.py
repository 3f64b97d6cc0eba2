"""/proc/version_signature, /proc/version: the stable release that a distribution builds from.

Debian 12 and Ubuntu name their kernels 6.1.0-50-amd64 and 6.8.0-45-generic, although they build
from kernel.org's 6.1.176 and 6.8.12. Ubuntu tells that release in /proc/version_signature (fs/proc/
version_signature.c of its sources), Debian in UTS_VERSION: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1
(2026-07-02)".
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why
from vfioguard.root import Root, first, reading
from vfioguard.typed import TypeAlias

SIGNATURE = "/proc/version_signature"
VERSION = "/proc/version"

#: (major, minor, sublevel)
Stable: TypeAlias = tuple[int, int, int]

# "Linux version 6.1.0-50-amd64 (who@where) (compiler) #1 SMP Debian 6.1.176-1 (2026-07-02)".
_BUILT = rb"Linux version [\w.+~-]{1,64}"
# The blank before "Debian" excludes the compiler: "(Debian 12.2.0-14)".
_DEBIAN = rb" Debian (?:\d+:)?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?=[-~+])"
_UBUNTU = rb"Ubuntu \S+ (\d{1,4})\.(\d{1,4})\.(\d{1,4})\n?"


def select(raw: bytes) -> bytes:
    """Keep the release and Debian's version. The rest tells who built the kernel: it is private."""
    kept = (re.match(_BUILT, raw), re.search(_DEBIAN + rb"[-~+]", raw))
    return b"".join([match[0] for match in kept if match]) + b"\n"


def parse(raw: bytes) -> Stable:
    """The release of kernel.org, from either file."""
    match = re.fullmatch(_UBUNTU, raw) or re.search(_DEBIAN, raw)
    if match is None:
        raise Malformed("names no stable release")
    return int(match[1]), int(match[2]), int(match[3])


def read(root: Root) -> Reading[Stable]:
    """The stable release that the running kernel is built from."""
    signature = reading(root, SIGNATURE, parse)
    if isinstance(signature, Fact):
        return signature
    banner = reading(root, VERSION, parse, select=select)
    if isinstance(banner, Gap) and banner.why is Why.MALFORMED:
        banner = banner._replace(why=Why.ABSENT)  # most distributions have nothing to say there
    return first((banner, signature))
