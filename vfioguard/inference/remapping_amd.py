"""Whether the IVRS lets Linux remap interrupts (POLICY 3.8, 10.1.2).

drivers/iommu/amd/init.c check_ioapic_information() and, from v7.3, check_sb_ioapic(). No bit of the
hardware says that it can: all can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from vfioguard.fact import Fact, Gap, Reading
from vfioguard.inference.possible import Part, ids, io_apics, part, unreadable

if TYPE_CHECKING:
    from vfioguard.acpi.ivrs import Ivrs
    from vfioguard.acpi.madt import Madt

#: A requester id of segment 0 -> base and sub class; None: it cannot be read.
Classes: TypeAlias = Mapping[int, int | None]

_IO_APIC = 1
#: 00:14.0, IOAPIC_SB_DEVID: where the kernels up to v6.12 expect the southbridge's IO-APIC.
_SOUTHBRIDGE = 0x14 << 3
_SMBUS, _ISA_BRIDGE = 0x0C05, 0x0601
_LAST_BY_PLACE, _FIRST_BY_CLASS = (6, 12), (7, 3)
# parse_ivrs_ioapic(): "[10]=00:14.0", "[10]=0000:00:14.0", "=10@00:14.0", "=10@0000:00:14.0".
_OVERRIDE = re.compile(
    r"ivrs_ioapic(?:\[(\d+)\]=|=(\d+)@)(?:([0-9a-fA-F]+):)?"
    r"([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\.([0-7])"
)


def conditions(
    ivrs: Reading[Ivrs],
    madts: Sequence[Reading[Madt]],
    options: Reading[tuple[str, ...]],
    classes: Classes | None,
    version: tuple[int, int] | None,
) -> list[Part]:
    """Each thing that AMD's remapping needs. `version`: of the kernel that is to do it."""
    if isinstance(ivrs, Gap):
        return [unreadable("IVRS", ivrs)]
    words = options.value if isinstance(options, Fact) else ()
    known = special_io_apics(ivrs.value) | overrides(words)
    coverage = io_apics("IVRS", ivrs, known, madts)
    tolerated = _tolerated(coverage, known, madts)
    if tolerated is not None:
        coverage = tolerated
    southbridge = _southbridge(ivrs, known, classes, version)
    allows = Part("IVRS allows interrupt remapping", None)
    return [allows, *_disabled(options, words), coverage, *southbridge]


def special_io_apics(table: Ivrs) -> dict[int, int]:
    """IO-APIC id -> segment and requester id, of the blocks that the kernel looks at."""
    from vfioguard.acpi._ivrs_entries import Special
    from vfioguard.acpi.ivrs import Ivhd, kernel_ivhd_type

    chosen = kernel_ivhd_type(table.blocks)
    found: dict[int, int] = {}
    for block in table.blocks:
        if not isinstance(block, Ivhd) or block.type != chosen:
            continue
        segment = block.segment << 16
        for entry in block.entries:
            if isinstance(entry, Special) and entry.variety == _IO_APIC:
                found.setdefault(entry.handle, segment | entry.source_device_id)
    return found


def overrides(words: Sequence[str]) -> dict[int, int]:
    """The same from `ivrs_ioapic=`, which wins over the table."""
    found: dict[int, int] = {}
    for word in words:
        if match := _OVERRIDE.fullmatch(word):
            old, new, segment, *place = match.groups()
            bus, device, function = (int(part, 16) for part in place)
            where = int(segment or "0", 16) << 16 | bus << 8 | device << 3 | function
            found[int(old or new)] = where
    return found


def _disabled(options: Reading[tuple[str, ...]], words: Sequence[str]) -> list[Part]:
    """What takes the whole driver away, remapping included (POLICY 3.7)."""
    claim = "the command line leaves AMD's IOMMUs on"
    for word in words:
        name, _, choices = word.partition("=")
        off = any(choice.startswith("off") for choice in choices.split(","))
        if off and name in {"amd_iommu", "iommu"}:
            return [part(f"the command line has {word}", claim, False, options)]
    return []


def _tolerated(
    coverage: Part, known: Mapping[int, int], madts: Sequence[Reading[Madt]]
) -> Part | None:
    """check_ioapic_information() forgets what is missing when it comes to the southbridge's.

    Only in the order of the MADT, and nobody knows of v7.3: so it is not known.
    """
    if not coverage.missing or coverage.answer is None or isinstance(madts[0], Gap):
        return None
    order = ids(madts[0].value)
    at = [place for place, number in enumerate(order) if known.get(number) == _SOUTHBRIDGE]
    lacking = [place for place, number in enumerate(order) if number not in known]
    if not at or not lacking or max(lacking) > max(at):
        return None
    text = f"{coverage.finding}, which kernels do not mind before the southbridge's"
    return coverage._replace(finding=text, answer=coverage.answer._replace(truth=None))


def _southbridge(
    ivrs: Fact[Ivrs],
    known: Mapping[int, int],
    classes: Classes | None,
    version: tuple[int, int] | None,
) -> list[Part]:
    """The timer is behind it. Found by its place, from v7.3 by the PCI class of the function."""
    truths: list[bool | None] = []
    if version is None or version < _FIRST_BY_CLASS:
        truths.append(_SOUTHBRIDGE in known.values())
    if classes is not None and (version is None or version > _LAST_BY_PLACE):
        truths.append(_by_class(known, classes))
    truth = truths[0] if truths and len(set(truths)) == 1 else None
    claim = "the southbridge's IO-APIC is in the IVRS"
    if truth:
        return []
    if truth is False:
        return [part("IVRS has no southbridge's IO-APIC", claim, False, ivrs)]
    if classes is None:
        return []  # the tables cannot say, and do not decide
    return [part("whether an IO-APIC is the southbridge's is not known", claim, None, ivrs)]


def _by_class(known: Mapping[int, int], classes: Classes) -> bool | None:
    # A function that does not exist has no class; one that cannot be read may have any.
    found = {classes.get(where, 0) for where in known.values()}
    if found & {_SMBUS, _ISA_BRIDGE}:
        return True
    return None if None in found else False
