"""Which attach predicate this kernel carries, by the functions it has.

/sys/kernel/btf/vmlinux names the kernel's functions in 5 MiB that are copied at once (3 ms);
/proc/kallsyms names them all, but is formatted line by line (75 ms), so it comes second. Only
presence is evidence: BTF may leave functions out.
"""

from __future__ import annotations

from enum import StrEnum

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Root, first

BTF = "/sys/kernel/btf/vmlinux"
KALLSYMS = "/proc/kallsyms"


class Predicate(StrEnum):
    """The kernel function that decides an attach."""

    ISOLATED_MSI = "iommu_group_has_isolated_msi"
    CHECK_MSI_REMAP = "irq_domain_check_msi_remap"
    IOMMU_CAPABLE = "iommu_capable"


_DECISIVE = (Predicate.ISOLATED_MSI, Predicate.CHECK_MSI_REMAP)
#: In every kernel since v3.6 that has IOMMU groups: shows that the list of names was not cut.
_ALWAYS = b" iommu_group_get\n"


def parse(raw: bytes) -> Predicate:
    """The newest predicate that occurs decides: v6.3 removed the older one."""
    for predicate in _DECISIVE:
        if predicate.encode() in raw:
            return predicate
    if _ALWAYS in raw:
        return Predicate.IOMMU_CAPABLE
    raise Malformed("names none of the functions that decide an attach")


def read(root: Root) -> Reading[Predicate]:
    """The predicate of the running kernel."""
    btf = _search(root, BTF, tuple(b"\0%s\0" % p.encode() for p in _DECISIVE))
    if isinstance(btf, Fact):
        return btf
    names = _search(root, KALLSYMS, tuple(b" %s\n" % p.encode() for p in _DECISIVE))
    if isinstance(names, Gap) and names.why is Why.MALFORMED:
        names = _search(root, KALLSYMS, (_ALWAYS,))
    return first((names, btf))


def _search(root: Root, path: str, needles: tuple[bytes, ...]) -> Reading[Predicate]:
    try:
        raw = root.search(path, needles)
    except OSError as error:
        return gap_from(error, path)
    return parse_raw(raw, path, parse)
