"""Whether the IVRS lets Linux remap interrupts (policy.md 3.8, 8).

drivers/iommu/amd/init.c check_ioapic_information(). No bit of the hardware says that it can remap,
because all of it can. If a release may have several forms of the check, all must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vfioguard.fact import Fact, Gap, Reading, Why
from vfioguard.inference import borders
from vfioguard.inference.borders import Version
from vfioguard.inference.remapping import amd_southbridge
from vfioguard.inference.remapping.amd_io_apics import (
    IO_APIC,
    overrides,
    special_io_apics,
    syntaxes,
)
from vfioguard.inference.remapping.amd_southbridge import Classes, Form, IoApics, Listed
from vfioguard.inference.remapping.madt_io_apics import addresses_repeat, registered
from vfioguard.inference.remapping.parts import Part, conclude, io_apics, part, unreadable
from vfioguard.logic import Claim
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.acpi.ivrs import Ivrs
    from vfioguard.acpi.madt import Madt
    from vfioguard.kernel.identity.processor import Processor

_HPET = 2
_REJECTED = "ivrs_rejected"
_SOUTHBRIDGE_KINDS = {
    Form.ANY: "ivrs_no_southbridge",
    Form.OWNER: "ivrs_no_southbridge",
    Form.CLASS: "ivrs_southbridge_class",
}


class Circumstances(NamedTuple):
    """What decides beside the tables. `quirks` are IO-APICs that Linux adds on this machine.

    `version` is that of the kernel that is to remap. `dumped`: the tables are from elsewhere, and
    whoever dumped them may have changed a byte.
    """

    options: Reading[tuple[str, ...]]
    classes: Classes | None
    version: Version | None
    quirks: Reading[Mapping[int, int]] | None = None
    processor: Reading[Processor] | None = None
    dumped: bool = False


def conditions(
    ivrs: Reading[Ivrs], madts: Sequence[Reading[Madt]], circumstances: Circumstances
) -> list[Part]:
    """The conditions of AMD's remapping."""
    if isinstance(ivrs, Gap):
        return [unreadable("IVRS", ivrs)]
    words = circumstances.options.value if isinstance(circumstances.options, Fact) else ()
    allows = Part("IVRS allows interrupt remapping", None)
    parts = [allows, *_rejected(ivrs, circumstances), *_disabled(circumstances.options, words)]
    quirks = circumstances.quirks
    if isinstance(quirks, Gap) and quirks.why is not Why.ABSENT:  # without DMI no quirk applies
        plain = _in_every_form(ivrs, madts, circumstances, ({},))
        if any(condition.missing for condition in plain):
            claim = Claim(
                "which machine this is is known (DMI), as Linux corrects the IVRS of some",
                unknown="which machine this is is not known (DMI); Linux corrects the IVRS of some",
            )
            missing = plain[0].missing
            return [*parts, part(plain[0].finding, claim, None, quirks, missing=missing)]
        return [*parts, *plain]
    added: Mapping[int, int] = quirks.value if isinstance(quirks, Fact) else {}
    sure = not added or borders.AMD_QUIRKS.passed(circumstances.version)
    return [*parts, *_in_every_form(ivrs, madts, circumstances, (added,) if sure else (added, {}))]


def _in_every_form(
    ivrs: Fact[Ivrs],
    madts: Sequence[Reading[Madt]],
    circumstances: Circumstances,
    additions: Sequence[Mapping[int, int]],
) -> list[Part]:
    """The conditions by every form of check_ioapic_information() that the kernel may have.

    `additions` are the IO-APICs that its quirks may add.
    """
    answers = [
        _in_form(ivrs, madts, circumstances, form, places)
        for places in _places(ivrs.value, circumstances, additions)
        for form in amd_southbridge.forms(circumstances.version)
    ]
    minding = next((parts for parts in answers if conclude(parts).possible is not True), answers[0])
    if len({conclude(parts).possible for parts in answers}) == 1:
        return answers[0]
    wrong = _deciding(minding)
    if wrong.answer is None or wrong.answer.truth is not False:
        return [wrong]
    claim = Claim(
        "which form of the check this kernel has is known",
        unknown="which form of the check this kernel has is not known",
    )
    finding = f"{wrong.finding}, which not every release minds"
    return [part(finding, claim, None, ivrs, *madts, missing=wrong.missing, kind=wrong.kind)]


def _places(
    table: Ivrs, circumstances: Circumstances, additions: Sequence[Mapping[int, int]]
) -> Iterator[Mapping[int, int]]:
    """IO-APIC id -> requester id, in each way that the kernel may know them.

    The ids come from the table, from Linux's own list and from the command line.
    """
    words = circumstances.options.value if isinstance(circumstances.options, Fact) else ()
    known = special_io_apics(table)
    seen: list[Mapping[int, int]] = []
    for added in additions:
        for syntax in syntaxes(circumstances.version):
            places = {**known, **added, **overrides(words, syntax)}
            if places not in seen:
                seen.append(places)
                yield places


def _in_form(
    ivrs: Fact[Ivrs],
    madts: Sequence[Reading[Madt]],
    circumstances: Circumstances,
    form: Form,
    places: Mapping[int, int],
) -> list[Part]:
    """The conditions by one form of the check; `places` are the requester ids of the IO-APICs."""
    coverage = io_apics("IVRS", ivrs, places, madts)
    madt = madts[0]
    # Without a MADT any IO-APIC of the IVRS may be the southbridge's: enough to say that none is.
    order = owners = [Listed(number, certain=True) for number in places]
    if isinstance(madt, Fact):
        order, owners = _listed(madt.value)
    seen = IoApics(
        places=places,
        order=order,
        owners=owners,
        classes=circumstances.classes,
        processor=circumstances.processor,
    )
    forgotten = amd_southbridge.forgotten(form, seen)
    if coverage.missing and coverage.answer is not None and forgotten is not False:
        minds = "does not" if forgotten else "may not"
        text = f"{coverage.finding}, which this kernel {minds} mind before the southbridge's"
        answer = coverage.answer._replace(truth=forgotten)
        coverage = coverage._replace(finding=text, answer=answer)
    parts = [coverage, *_southbridge(ivrs, form, amd_southbridge.present(form, seen))]
    hidden = isinstance(circumstances.options, Gap) and not circumstances.dumped
    if not hidden or conclude(parts).possible is not False:
        return parts
    finding = f"{_deciding(parts).finding}, unless the command line corrects it"
    claim = Claim(
        "the command line has no ivrs_ioapic=",
        unknown="the command line, which may correct the IVRS (ivrs_ioapic=), is not known",
    )
    return [part(finding, claim, None, circumstances.options, missing=coverage.missing)]


def _deciding(parts: Sequence[Part]) -> Part:
    """The first part that decides the answer."""
    truth = conclude(parts).possible
    return next(
        condition
        for condition in parts
        if condition.answer is not None and condition.answer.truth is truth
    )


def _southbridge(ivrs: Fact[Ivrs], form: Form, present: bool | None) -> list[Part]:
    where = f"in the IVRS ({form.value})"
    claim = Claim(
        f"the southbridge's IO-APIC is {where}", f"the southbridge's IO-APIC is not {where}"
    )
    if present:
        return []
    if present is False:
        text = f"IVRS has no southbridge's IO-APIC ({form.value})"
        return [part(text, claim, False, ivrs, kind=_SOUTHBRIDGE_KINDS[form])]
    return [part("whether an IO-APIC is the southbridge's is not known", claim, None, ivrs)]


def _listed(madt: Madt) -> tuple[list[Listed], list[Listed]]:
    """The IO-APICs, and those that may be the one of GSI 0 (get_sb_ioapic_id())."""
    careful = not addresses_repeat(madt)
    order: list[Listed] = []
    owners: list[Listed] = []
    for io_apic in registered(madt):
        taken = any(io_apic.entry.io_apic_id == earlier.number for earlier in order)
        listed = Listed(None if taken else io_apic.entry.io_apic_id, io_apic.certain and careful)
        order.append(listed)
        if io_apic.entry.gsi_base == 0 and not any(owner.certain for owner in owners):
            owners.append(listed)
    return order, owners


def _disabled(options: Reading[tuple[str, ...]], words: Sequence[str]) -> list[Part]:
    """The option that turns the whole driver off, remapping included (policy.md 3.7), if any."""
    leaves = "the command line leaves AMD's IOMMUs on"
    for word in words:
        name, _, choices = word.partition("=")
        off = any(choice.startswith("off") for choice in choices.split(","))
        if off and name in {"amd_iommu", "amd-iommu", "iommu"}:
            claim = Claim(leaves, f"the command line turns AMD's IOMMUs off ({word})")
            return [
                part(f"the command line has {word}", claim, False, options, kind="amd_iommu_off")
            ]
    return []


def _rejected(ivrs: Fact[Ivrs], circumstances: Circumstances) -> list[Part]:
    """The faults that make the driver do without the whole table.

    These are a wrong checksum (check_ivrs_checksum()), and an entry that add_special_device() does
    not know.
    """
    from vfioguard.acpi.ivrs import Ivhd, kernel_ivhd_type
    from vfioguard.acpi.parts.ivrs_entries import Special

    faults: list[str] = []
    if not ivrs.value.header.checksum_ok and not circumstances.dumped:
        faults.append("IVRS has a wrong checksum")
    chosen = kernel_ivhd_type(ivrs.value.blocks)
    blocks = [b for b in ivrs.value.blocks if isinstance(b, Ivhd) and b.type == chosen]
    entries = [entry for block in blocks for entry in block.entries if isinstance(entry, Special)]
    if any(entry.variety not in {IO_APIC, _HPET} for entry in entries):
        faults.append("IVRS has a special device of no known kind")
    return [part(fault, _accepted(fault), False, ivrs, kind=_REJECTED) for fault in faults]


def _accepted(fault: str) -> Claim:
    return Claim("the kernel accepts the IVRS", f"the kernel does without the IVRS: {fault}")
