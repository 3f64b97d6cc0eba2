"""The machine's architecture, in `uname -m` terms: /proc/sys/kernel/arch, else /proc/cpuinfo.

The sysctl exists since v6.1 (kernel/utsname_sysctl.c); before it only cpuinfo tells.
"""

from __future__ import annotations

from vfioguard.fact import Fact, Malformed, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, reading, text

SYSCTL = "/proc/sys/kernel/arch"
CPUINFO = "/proc/cpuinfo"

# A field that only this architecture's show_cpuinfo() prints; s390 before x86, which share one.
_FIELDS = (
    (b"IBM/S390", "s390x"),
    (b"CPU implementer", "aarch64"),
    (b"cpu family", "x86_64"),
    (b"POWER", "ppc64le"),
    (b"isa\t\t: rv64", "riscv64"),
    (b"LoongArch", "loongarch64"),
)


def parse_cpuinfo(raw: bytes) -> str:
    """Recognise an architecture by the names of its /proc/cpuinfo fields."""
    for field, arch in _FIELDS:
        if field in raw:
            return arch
    raise Malformed("no field that tells an architecture")


def read(root: Root) -> Reading[str]:
    """ "x86_64", "aarch64", "s390x" ..."""
    sysctl = reading(root, SYSCTL, text)
    if isinstance(sysctl, Fact):
        return sysctl
    try:
        raw = root.head(CPUINFO, 2048)  # the first CPU is enough
    except OSError as error:
        return gap_from(error, CPUINFO)
    return parse_raw(raw, CPUINFO, parse_cpuinfo)
