"""/sys/kernel/iommu_groups: Documentation/ABI/testing/sysfs-kernel-iommu_groups (v3.5).

A device's `iommu_group` link names its group in one system call; listing a group's members takes
five. So membership comes from the devices. A group is listed only if some of its members may not
have been found that way.
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact, Gap, Malformed, Reading, Why, gap_from
from vfioguard.fact import parse as parse_raw
from vfioguard.root import Directory, Root, listing, text
from vfioguard.typed import NamedTuple

PATH = "/sys/kernel/iommu_groups"
#: drivers/vfio/group.c vfio_noiommu_group_alloc(): such a group isolates nothing.
NOIOMMU = "vfio-noiommu"

_REGION = re.compile(rb"0x([0-9a-f]{16}) 0x([0-9a-f]{16}) ([a-z-]+)\n")
# iommu_group_show_type(): groups with a default domain have one of these, no-IOMMU groups do not.
_TRANSLATED = frozenset({"DMA", "DMA-FQ", "identity", "blocked", "unmanaged"})

#: Distinct texts that a reader keeps. Types are few, but names may be anything.
_TEXTS = 64


class Region(NamedTuple):
    """A reserved region: first and last I/O virtual address, and its type."""

    start: int
    end: int
    type: str


class Group(NamedTuple):
    """A group without its members. `name` is None if the type excludes a no-IOMMU group."""

    id: int
    type: Reading[str]
    reserved_regions: Reading[tuple[Region, ...]]
    name: Reading[str] | None

    @property
    def noiommu(self) -> bool:
        """Whether VFIO itself made the group, for a device that no IOMMU translates."""
        return isinstance(self.name, Fact) and self.name.value == NOIOMMU


class Member(NamedTuple):
    """An entry of a group's `devices/`: the kernel renames it ("X.0") where two names collide."""

    entry: str
    name: str


def parse_regions(raw: bytes) -> tuple[Region, ...]:
    r""" "0x%016llx 0x%016llx %s\n", inclusive ends, sorted (v4.11)."""
    lines = [_REGION.fullmatch(line) for line in raw.splitlines(keepends=True)]
    if None in lines:
        raise Malformed(f"not reserved regions: {raw[:64]!r}")
    return tuple(
        Region(int(line[1], 16), int(line[2], 16), line[3].decode()) for line in lines if line
    )


def numbers(root: Root) -> Reading[tuple[int, ...]]:
    """The numbers of all groups, sorted. The directory holds nothing else."""
    names = listing(root, PATH)
    if not isinstance(names, Fact):
        return names
    ids = tuple(sorted(int(name) for name in names.value if _is_number(name)))
    if names.value and not ids:
        return Gap(Why.MALFORMED, PATH, f"no group among {names.value!a:.64}")
    return Fact(ids, names.raw, PATH)


def _is_number(name: str) -> bool:
    return name.isdecimal() and len(name) < 10 and str(int(name)) == name


class GroupReader:
    """Reads groups. Most groups have the same texts and regions, so equal ones are kept once."""

    def __init__(self, groups: Directory) -> None:
        self._groups = groups
        self._regions: dict[bytes, tuple[bytes, tuple[Region, ...]]] = {}
        self._texts: dict[bytes, Fact[str]] = {}

    def group(self, number: int) -> Group:
        """The group of this number, without its members."""
        kind = self.type(number)
        translated = isinstance(kind, Fact) and kind.value in _TRANSLATED
        return Group(
            id=number,
            type=kind,
            reserved_regions=self._reserved(f"{number}/reserved_regions"),
            name=None if translated else self._text(f"{number}/name"),
        )

    def type(self, number: int) -> Reading[str]:
        """The type of the group's default domain, which root may write without a uevent."""
        return self._text(f"{number}/type")

    def members(self, number: int) -> Reading[tuple[Member, ...]]:
        """The devices of a group, sorted by entry. A device's name is its link target's."""
        path = f"{number}/devices"
        source = self._groups.prefix + path
        try:
            entries = sorted(self._groups.listdir(path))
            members = tuple(
                Member(entry, self._groups.readlink(f"{path}/{entry}").rpartition("/")[2])
                for entry in entries
            )
        except OSError as error:
            return gap_from(error, source)
        return Fact(members, "\n".join(entries).encode(errors="surrogateescape"), source)

    def _text(self, path: str) -> Reading[str]:
        try:
            raw = self._groups.read(path)
        except OSError as error:
            return gap_from(error, self._groups.prefix + path)
        source = self._groups.prefix + path
        seen = self._texts.get(raw)
        if seen is not None:
            return seen._replace(source=source)
        fact = parse_raw(raw, source, text)
        if isinstance(fact, Fact) and len(self._texts) < _TEXTS:
            self._texts[raw] = fact
        return fact

    def _reserved(self, path: str) -> Reading[tuple[Region, ...]]:
        source = self._groups.prefix + path
        try:
            raw = self._groups.read(path)
        except OSError as error:
            return gap_from(error, source)
        seen = self._regions.get(raw)
        if seen is not None:
            return Fact(seen[1], seen[0], source)
        fact = parse_raw(raw, source, parse_regions)
        if isinstance(fact, Fact):
            self._regions[raw] = raw, fact.value
        return fact
