"""Whether the IVRS lets Linux remap interrupts (POLICY 3.8, 10.1.2).

drivers/iommu/amd/init.c check_ioapic_information() and, from v7.3, check_sb_ioapic(). No bit of the
hardware says that it can: all can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference.amd_io_apics import IO_APIC, overrides, special_io_apics
from vfioguard.inference.possible import Part, ids, io_apics, part, unreadable

if TYPE_CHECKING:
    from vfioguard.acpi.ivrs import Ivrs
    from vfioguard.acpi.madt import Madt

#: A requester id of segment 0 -> base and sub class; None: it cannot be read.
Classes: TypeAlias = Mapping[int, int | None]

_HPET = 2
#: 00:14.0, IOAPIC_SB_DEVID: where the kernels up to v6.12 expect the southbridge's IO-APIC.
_SOUTHBRIDGE = 0x14 << 3
_SMBUS, _ISA_BRIDGE = 0x0C05, 0x0601
_LAST_BY_PLACE, _FIRST_BY_CLASS = (6, 12), (7, 3)
_QUIRKS_SINCE = (5, 5)


class Asked(NamedTuple):
    """What beside the tables decides. `quirks`: IO-APICs that Linux adds on this machine.

    `version` is that of the kernel that is to do it; `dumped`: the tables are from elsewhere, and
    whoever dumped them may have changed a byte.
    """

    options: Reading[tuple[str, ...]]
    classes: Classes | None
    version: tuple[int, int] | None
    quirks: Reading[Mapping[int, int]] | None = None
    dumped: bool = False


def conditions(ivrs: Reading[Ivrs], madts: Sequence[Reading[Madt]], asked: Asked) -> list[Part]:
    """Each thing that AMD's remapping needs."""
    if isinstance(ivrs, Gap):
        return [unreadable("IVRS", ivrs)]
    words = asked.options.value if isinstance(asked.options, Fact) else ()
    allows = Part("IVRS allows interrupt remapping", None)
    parts = [allows, *_rejected(ivrs, asked), *_disabled(asked.options, words)]
    known = special_io_apics(ivrs.value) | overrides(words)
    plain = _io_apics(ivrs, known, madts, asked)
    if asked.quirks is None:
        return [*parts, *plain]
    added: Mapping[int, int] = asked.quirks.value if isinstance(asked.quirks, Fact) else {}
    return [*parts, *_by_machine(ivrs, madts, asked, plain, {**known, **added, **overrides(words)})]


def _io_apics(
    ivrs: Fact[Ivrs], known: Mapping[int, int], madts: Sequence[Reading[Madt]], asked: Asked
) -> list[Part]:
    """check_ioapic_information(), with what is known of the IO-APICs' ids."""
    coverage = _tolerated(io_apics("IVRS", ivrs, known, madts), known, madts, asked.version)
    parts = [coverage, *_southbridge(ivrs, known, madts, asked)]
    hidden = isinstance(asked.options, Gap) and not asked.dumped
    wrong = [one for one in parts if hidden and _truth(one) is False]
    if not wrong:
        return parts
    finding = f"{wrong[0].finding}, unless the command line corrects it"
    claim = "the command line has no ivrs_ioapic="
    return [part(finding, claim, None, asked.options, missing=coverage.missing)]


def _by_machine(
    ivrs: Fact[Ivrs],
    madts: Sequence[Reading[Madt]],
    asked: Asked,
    plain: list[Part],
    known: Mapping[int, int],
) -> list[Part]:
    """drivers/iommu/amd/quirks.c: on a few laptops Linux knows better than their IVRS."""
    quirks = asked.quirks
    if isinstance(quirks, Gap):
        if not any(one.missing for one in plain) or quirks.why is Why.ABSENT:
            return plain  # without DMI no quirk applies
        claim = "which machine this is is known (DMI), as Linux corrects the IVRS of some"
        return [part(plain[0].finding, claim, None, quirks, missing=plain[0].missing)]
    if quirks is None or not quirks.value:
        return plain
    corrected = _io_apics(ivrs, known, madts, asked)
    if asked.version is not None and asked.version >= _QUIRKS_SINCE:
        return corrected
    if [_truth(one) for one in corrected] == [_truth(one) for one in plain]:
        return plain
    claim = "this kernel corrects the IVRS of this machine (from v5.5 on for sure)"
    return [part("Linux corrects the IVRS of this machine, or does not", claim, None, ivrs, quirks)]


def _truth(one: Part) -> bool | None:
    return one.answer.truth if one.answer is not None else None


def _disabled(options: Reading[tuple[str, ...]], words: Sequence[str]) -> list[Part]:
    """What takes the whole driver away, remapping included (POLICY 3.7)."""
    claim = "the command line leaves AMD's IOMMUs on"
    for word in words:
        name, _, choices = word.partition("=")
        off = any(choice.startswith("off") for choice in choices.split(","))
        if off and name in {"amd_iommu", "iommu"}:
            return [part(f"the command line has {word}", claim, False, options)]
    return []


def _rejected(ivrs: Fact[Ivrs], asked: Asked) -> list[Part]:
    """What makes the driver do without the whole table.

    check_ivrs_checksum(), and an entry that add_special_device() does not know.
    """
    from vfioguard.acpi._ivrs_entries import Special
    from vfioguard.acpi.ivrs import Ivhd, kernel_ivhd_type

    claim = "the kernel accepts the IVRS"
    found: list[Part] = []
    if not ivrs.value.header.checksum_ok and not asked.dumped:
        found.append(part("IVRS has a wrong checksum", claim, False, ivrs))
    chosen = kernel_ivhd_type(ivrs.value.blocks)
    blocks = [b for b in ivrs.value.blocks if isinstance(b, Ivhd) and b.type == chosen]
    entries = [entry for block in blocks for entry in block.entries if isinstance(entry, Special)]
    if any(entry.variety not in {IO_APIC, _HPET} for entry in entries):
        found.append(part("IVRS has a special device of no known kind", claim, False, ivrs))
    return found


def _tolerated(
    coverage: Part,
    known: Mapping[int, int],
    madts: Sequence[Reading[Madt]],
    version: tuple[int, int] | None,
) -> Part:
    """What check_ioapic_information() forgets when it comes to the southbridge's, up to v6.12.

    All in the order of the MADT; v7.3 forgets nothing.
    """
    if not coverage.missing or coverage.answer is None or isinstance(madts[0], Gap):
        return coverage
    if version is not None and version >= _FIRST_BY_CLASS:
        return coverage
    order = ids(madts[0].value)
    at = [place for place, number in enumerate(order) if known.get(number) == _SOUTHBRIDGE]
    lacking = [place for place, number in enumerate(order) if number not in known]
    if not at or not lacking or max(lacking) > max(at):
        return coverage
    text = f"{coverage.finding}, which kernels do not mind before the southbridge's"
    truth = True if version is not None and version <= _LAST_BY_PLACE else None
    return coverage._replace(finding=text, answer=coverage.answer._replace(truth=truth))


def _southbridge(
    ivrs: Fact[Ivrs], known: Mapping[int, int], madts: Sequence[Reading[Madt]], asked: Asked
) -> list[Part]:
    """The timer is behind it. Found by its place, from v7.3 by the PCI class of the function."""
    claim = "the southbridge's IO-APIC is in the IVRS"
    madt, version, classes = madts[0], asked.version, asked.classes
    # Without a MADT any that the IVRS has may be the one: enough to say that none is.
    numbers = ids(madt.value) if isinstance(madt, Fact) else list(known)
    first = _first(madt.value) if isinstance(madt, Fact) else numbers
    truths: list[bool | None] = []
    if version is None or version < _FIRST_BY_CLASS:
        truths.append(_SOUTHBRIDGE in {known.get(number) for number in numbers})
    if classes is not None and (version is None or version > _LAST_BY_PLACE):
        truths += [_by_class(known, each, classes) for each in (numbers, first)]
    truth = truths[0] if truths and len(set(truths)) == 1 else None
    if truth:
        return []
    if truth is False:
        return [part("IVRS has no southbridge's IO-APIC", claim, False, ivrs)]
    if classes is None:
        return []  # the tables cannot say, and do not decide
    return [part("whether an IO-APIC is the southbridge's is not known", claim, None, ivrs)]


def _first(madt: Madt) -> list[int]:
    """get_sb_ioapic_id(): the IO-APIC of the interrupts from 0 on."""
    from vfioguard.acpi.madt import IoApic

    entries = [entry for entry in madt.entries if isinstance(entry, IoApic) and entry.address]
    return [entry.io_apic_id for entry in entries if entry.gsi_base == 0][:1]


def _by_class(known: Mapping[int, int], numbers: Sequence[int], classes: Classes) -> bool | None:
    # A function that does not exist has no class; one that cannot be read may have any.
    found = {classes.get(known[number], 0) for number in numbers if number in known}
    if found & {_SMBUS, _ISA_BRIDGE}:
        return True
    return None if None in found else False
