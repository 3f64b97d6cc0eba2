"""The machine's architecture, as `uname -m` says it: /proc/sys/kernel/arch, else /proc/cpuinfo.

The sysctl exists since v6.1 (kernel/utsname_sysctl.c). Before it only cpuinfo tells, but not a
POWER's byte order.
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact, Malformed, Reading, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, reading, text

SYSCTL = "/proc/sys/kernel/arch"
CPUINFO = "/proc/cpuinfo"
#: The ELF notes of the running kernel, in its byte order: kernel/ksysfs.c notes_read().
NOTES = "/sys/kernel/notes"
#: Bytes of cpuinfo that are read: they hold the first processor, which is enough.
FIRST_CPU = 2048
#: The fields that tell one x86 processor from another (processor.py).
PROCESSOR = rb"(?m)^(vendor_id|cpu family|model)[ \t]*:[ \t]*(\w+)$"
#: The flags of an x86 processor: a hypervisor below it sets one of that name.
_FLAGS = rb"(?m)^flags[ \t]*:(.*)\n"
VIRTUAL, NATIVE = b"flags\t\t: hypervisor\n", b"flags\t\t: native\n"

X86 = frozenset({"x86_64", "i686"})
ARM = frozenset({"aarch64", "arm"})
S390 = frozenset({"s390x", "s390"})

_POWER = "ppc64le"
# A text that only this architecture's show_cpuinfo() prints, in the order of the search. s390 and
# x86 share one, so s390 comes first. 32-bit Arm ("ARMv7 Processor rev 4 (v7l)") is before 64-bit.
_FIELDS = (
    (b"IBM/S390", "s390x"),
    (b": ARMv", "arm"),
    (b"CPU implementer", "aarch64"),
    (b"cpu family", "x86_64"),
    (b"POWER", _POWER),
    (b"isa\t\t: rv64", "riscv64"),
    (b": Loongson-64bit", "loongarch64"),
    (b"loongarch64", "loongarch64"),
)


# 32 bit machines are named after the processor: i586, armv7l.
_I686 = frozenset({"i386", "i486", "i586", "i686"})
_KNOWN = _I686 | {
    "x86_64", "aarch64", "aarch64_be", "arm", "s390", "s390x", "ppc", "ppcle", "ppc64", "ppc64le",
    "riscv32", "riscv64", "loongarch32", "loongarch64", "ia64", "m68k", "alpha",
}  # fmt: skip
_BEGINNINGS = (*(f"armv{n}" for n in range(4, 9)), "mips", "sparc", "parisc", "sh4", "arc")


def is_x86(arch: Reading[str]) -> bool:
    """Whether the architecture is known to be x86."""
    return isinstance(arch, Fact) and arch.value in X86


def is_arm(arch: Reading[str]) -> bool:
    """Whether the architecture is known to be Arm, 32 or 64 bit."""
    return isinstance(arch, Fact) and arch.value in ARM


def is_s390(arch: Reading[str]) -> bool:
    """Whether the architecture is known to be s390, 31 or 64 bit."""
    return isinstance(arch, Fact) and arch.value in S390


def parse(raw: bytes) -> str:
    """The architecture's name; 32 bit x86 and Arm have one name for all their processors."""
    name = text(raw)
    if name not in _KNOWN and not (name.startswith(_BEGINNINGS) and name.isidentifier()):
        raise Malformed(f"no architecture that Linux has: {name!r:.32}")
    if name.startswith("arm"):
        return "arm"
    return "i686" if name in _I686 else name


def select(raw: bytes) -> bytes:
    """Keep the fields that tell. Some machines print their serial number beside them."""
    names = b"".join(field + b"\n" for field, _ in _FIELDS if field in raw)
    processor = re.finditer(PROCESSOR, raw)
    flags = re.search(_FLAGS, raw)
    virtual = b"" if flags is None else VIRTUAL if b"hypervisor" in flags[1].split() else NATIVE
    return names + b"".join([match[0] + b"\n" for match in processor]) + virtual


def parse_cpuinfo(raw: bytes) -> str:
    """The architecture whose /proc/cpuinfo has such fields."""
    for field, arch in _FIELDS:
        if field in raw:
            return arch
    raise Malformed("no field that tells an architecture")


def order(raw: bytes) -> bytes:
    """Keep the first word of the notes: it is the length of a name, so it tells the byte order."""
    return raw[:4]


def _little(root: Root, release: str | None) -> bool:
    """Whether a POWER is little-endian: by the notes, else by the release, else yes.

    No verdict depends on it.
    """
    try:
        word = root.head(NOTES, 4, order)
    except OSError:
        word = b""
    if len(word) == 4:
        return int.from_bytes(word, "little") < int.from_bytes(word, "big")
    name = release or ""
    return "64le" in name or not ("ppc64" in name or "powerpc64" in name)


def read(root: Root, release: str | None = None) -> Reading[str]:
    """ "x86_64", "aarch64", "s390x" ...; `release` is the kernel's, or None if it is not known."""
    sysctl = reading(root, SYSCTL, parse)
    if isinstance(sysctl, Fact):
        return sysctl
    try:
        raw = root.head(CPUINFO, FIRST_CPU, select)
    except OSError as error:
        return gap_from(error, CPUINFO)
    arch = parse_raw(raw, CPUINFO, parse_cpuinfo)
    if isinstance(arch, Fact) and arch.value == _POWER and not _little(root, release):
        return arch._replace(value="ppc64")
    return arch
