"""Whether the firmware lets Linux remap interrupts: the parts of every vendor's answer.

"Possible" is not "on": the kernel may still be told not to, or fail (policy.md 4.1, X8 and X9).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vfioguard.fact import Gap, Reading
from vfioguard.inference.remapping.madt_io_apics import addresses_repeat, registered
from vfioguard.logic import Answer, Claim, every
from vfioguard.typed import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from vfioguard.acpi.madt import Madt

T = TypeVar("T")

IMPOSSIBLE = "interrupt remapping is impossible"
CLAIM = Claim(
    "the firmware allows interrupt remapping",
    IMPOSSIBLE,
)


class Part(NamedTuple):
    """One condition; `finding` tells it in words. A part without an answer does not decide.

    `kind` tells which condition it is, for those who name causes (cause/).
    """

    finding: str
    answer: Answer | None
    missing: tuple[int, ...] = ()
    kind: str = ""


class Possible(NamedTuple):
    """The whole answer for people. `missing` are the IO-APICs that the firmware leaves out.

    `decided` are the conditions that give the answer.
    """

    answer: Answer
    sentence: str
    reasons: tuple[str, ...]
    missing: tuple[int, ...] = ()
    decided: tuple[Part, ...] = ()

    @property
    def possible(self) -> bool | None:
        """False if no kernel can remap, True if the firmware is not in the way, None if unknown."""
        return self.answer.truth

    def witness(self) -> Answer:
        """The answer as evidence on whether remapping is on: no if impossible, else unknown."""
        return self.answer._replace(truth=False if self.answer.truth is False else None)


def conclude(parts: Sequence[Part]) -> Possible:
    """Join all conditions; the sentence names those that decide."""
    answer = every(CLAIM, [part.answer for part in parts if part.answer is not None])
    missing = tuple(number for part in parts for number in part.missing)
    if answer.truth:
        findings = tuple(part.finding for part in parts)
        return Possible(
            answer=answer, sentence="; ".join(findings), reasons=findings, missing=missing
        )
    decided = [p for p in parts if p.answer is not None and p.answer.truth is answer.truth]
    end = IMPOSSIBLE if answer.truth is False else "whether interrupts can be remapped is not known"
    return Possible(
        answer=answer,
        sentence=f"{decided[0].finding}: {end}",
        reasons=tuple(part.finding for part in decided),
        missing=missing,
        decided=tuple(decided),
    )


def part(
    finding: str,
    claim: str,
    truth: bool | None,
    *readings: Reading[T],
    missing: Sequence[int] = (),
    kind: str = "",
) -> Part:
    """A condition with the readings that prove it."""
    answer = Answer(claim, truth, readings)
    return Part(finding=finding, answer=answer, missing=tuple(missing), kind=kind)


def unreadable(name: str, gap: Gap) -> Part:
    """The condition for a table that would decide and cannot be read."""
    unknown = f"{name} cannot be read: it {state(gap)}"
    return part(f"{name} {state(gap)}", Claim(f"{name} can be read", unknown=unknown), None, gap)


def state(gap: Gap) -> str:
    """Why a table cannot be read, in words."""
    return f"is {gap.why} ({gap.errno or gap.detail})"


def io_apics(
    name: str, table: Reading[T], covered: Collection[int], madts: Sequence[Reading[Madt]]
) -> Part:
    """Whether a vendor's table covers every IO-APIC of the MADT that the kernel registers.

    The kernel takes the first of several MADTs (drivers/acpi/tables.c check_multiple_madt()). If
    they do not lead to the same answer, the answer is unknown. The kernel changes an id that occurs
    twice (arch/x86/kernel/apic/io_apic.c io_apic_unique_id()); then the answer is unknown, too.
    """
    claim = Claim(
        f"every IO-APIC of the MADT is in the {name}",
        f"an IO-APIC of the MADT is not in the {name}",
    )
    missing: list[int] = []
    truths: list[bool | None] = []
    for madt in madts:
        if isinstance(madt, Gap):
            return part(f"MADT {state(madt)}", claim, None, madt)
        numbers = ids(madt.value)
        lacking = [number for number in numbers if number not in covered]
        missing += [number for number in lacking if number not in missing]
        twice = len(set(numbers)) < len(numbers)
        truths.append(None if twice else _all_covered(madt.value, covered))
    readings = (table, *madts)
    truth = truths[0] if len(set(truths)) == 1 else None
    if missing:
        text = f"{name} leaves out {named(missing)}"
        if truth is None and len(madts) == 1:
            text += ", which the kernel may skip or renumber"
        verb = "is" if len(missing) == 1 else "are"
        denied = f"{named(missing)} of the MADT {verb} not in the {name}"
        lacks = Claim(f"{claim} ({named(missing)} not)", denied)
        kind = f"io_apic_not_in_{name.lower()}"
        return part(text, lacks, truth, *readings, missing=missing, kind=kind)
    if truth is None:
        return part("an IO-APIC id occurs twice in the MADT", claim, None, *readings)
    return part("every IO-APIC is covered", claim, truth, *readings)


def _all_covered(madt: Madt, covered: Collection[int]) -> bool | None:
    """Whether every IO-APIC is covered; None if the kernel may skip all that are not."""
    lacking = [io_apic for io_apic in registered(madt) if io_apic.entry.io_apic_id not in covered]
    if not lacking:
        return True
    return (
        False
        if any(io_apic.certain for io_apic in lacking) and not addresses_repeat(madt)
        else None
    )


def ids(madt: Madt) -> list[int]:
    """The ids of the IO-APICs in the table's order, without those that the kernel surely skips."""
    return [io_apic.entry.io_apic_id for io_apic in registered(madt)]


def named(numbers: Sequence[int]) -> str:
    """The IO-APICs in words: "IO-APIC 5" or "IO-APICs 4 and 5"."""
    if len(numbers) == 1:
        return f"IO-APIC {numbers[0]}"
    return f"IO-APICs {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
