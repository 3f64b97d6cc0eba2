"""Which attach predicate this kernel carries, by the names of its functions.

/sys/kernel/btf/vmlinux names functions in 2 MiB, after 3 MiB of types (2.6 ms). /proc/kallsyms
names all of them, but the kernel formats it line by line (75 ms), so it comes second. Only a name
that is there is evidence: BTF may leave functions out.
"""

from __future__ import annotations

from enum import StrEnum

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Begin, Root, first

BTF = "/sys/kernel/btf/vmlinux"
KALLSYMS = "/proc/kallsyms"


class Predicate(StrEnum):
    """The kernel function that decides an attach."""

    ISOLATED_MSI = "iommu_group_has_isolated_msi"
    CHECK_MSI_REMAP = "irq_domain_check_msi_remap"
    IOMMU_CAPABLE = "iommu_capable"


_DECISIVE = (Predicate.ISOLATED_MSI, Predicate.CHECK_MSI_REMAP)
#: Every kernel since v3.6 with IOMMU groups has it. It shows that the list of names was not cut.
_ALWAYS = b" iommu_group_get\n"


def parse(raw: bytes) -> Predicate:
    """The newest predicate that occurs: v6.3 removed the older one."""
    for predicate in _DECISIVE:
        if predicate.encode() in raw:
            return predicate
    if _ALWAYS in raw:
        return Predicate.IOMMU_CAPABLE
    raise Malformed("names none of the functions that decide an attach")


def read(root: Root) -> Reading[Predicate]:
    """The predicate of the running kernel."""
    btf = _search(root, BTF, tuple(b"\0%s\0" % p.encode() for p in _DECISIVE), names_begin)
    if isinstance(btf, Fact):
        return btf
    names = _search(root, KALLSYMS, tuple(b" %s\n" % p.encode() for p in _DECISIVE))
    if isinstance(names, Gap) and names.why is Why.MALFORMED:
        names = _search(root, KALLSYMS, (_ALWAYS,))
    return first((names, btf))


def names_begin(head: bytes) -> int:
    """The offset of the names in a BTF that begins with `head`. Returns 0 if it is not known.

    struct btf_header, include/uapi/linux/btf.h: the magic number in the machine's byte order,
    version 1, then at 4 the header's length, and at 16 the names' offset from the header's end.
    """
    little = head.startswith(b"\x9f\xeb\x01")
    if not little and not head.startswith(b"\xeb\x9f\x01"):
        return 0
    fields = (head[4:8], head[16:20])
    return sum(int.from_bytes(field, "little" if little else "big") for field in fields)


def _search(
    root: Root, path: str, needles: tuple[bytes, ...], begin: Begin | None = None
) -> Reading[Predicate]:
    try:
        raw = root.search(path, needles, begin)
    except OSError as error:
        return gap_from(error, path)
    return parse_raw(raw, path, parse)
