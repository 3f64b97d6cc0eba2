"""What a person must know of a group or device first: one screen, 24 lines of 80 columns.

A screen is made of sections. Each gives entries; what does not fit is taken from the longest
below the causes, then from the last cause.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

from vfioguard import wording
from vfioguard.device_facts import DeviceFacts
from vfioguard.fact import Gap
from vfioguard.folding import rows
from vfioguard.logic import Answer
from vfioguard.output.explain.assumed import assumed_line
from vfioguard.output.explain.binding import binding_lines, first_bound
from vfioguard.output.explain.device import memory_lines, unit_lines
from vfioguard.output.facts.lines import facts_lines
from vfioguard.reason import reason
from vfioguard.report import (
    NO_GROUP,
    UNBINDABLE,
    CauseReport,
    DeviceReport,
    GroupReport,
    Report,
    Step,
    UngroupedDevice,
)
from vfioguard.snapshot import Snapshot
from vfioguard.typed import NamedTuple, TypeAlias
from vfioguard.verdict import Outcome

LINES, COLUMNS = 24, 80
#: Members of which a screen may tell what they are.
_DESCRIBED = 8
_PROOF = "Proof: the same command with --proof"
#: Causes that are told with their steps.
_TOLD = 4
_MORE = "+{} more (--proof)"


class Subject(NamedTuple):
    """What is explained, and all that is known beside it."""

    snapshot: Snapshot
    report: Report
    group: GroupReport
    facts: Mapping[str, DeviceFacts]
    causes: Sequence[CauseReport]


#: Gives the entries of a section, each a text of any length whose first blanks are its indent.
Section: TypeAlias = Callable[[Subject], Iterable[str]]


def screen(
    snapshot: Snapshot,
    report: Report,
    group: GroupReport,
    facts: Mapping[str, DeviceFacts] | None = None,
    causes: Sequence[CauseReport] = (),
) -> list[str]:
    """The lines about a group; `facts` tell by its name what a member is, `causes` why it is so."""
    subject = Subject(
        snapshot=snapshot, report=report, group=group, facts=facts or {}, causes=causes
    )
    above, below = ([list(section(subject)) for section in part] for part in (ABOVE, BELOW))
    *told, last = _causes(causes)
    assumed = assumed_line(report, group)
    return _fit([assumed, *above, *told, list(_together(group, causes)), last], below)


def screen_of_ungrouped(
    snapshot: Snapshot,
    report: Report,
    device: UngroupedDevice,
    causes: Sequence[CauseReport] = (),
) -> list[str]:
    """The lines about a function in no group."""
    proof = () if device.because is None else (device.because,)
    first, *others = ungrouped_line(report, device).split("; ")
    units = list(unit_lines(snapshot, device.name))
    told = [first, *(f"  {clause}" for clause in others)]
    return _fit([assumed_line(report), told, *_causes(causes)], [units, list(_not_known(proof))])


def ungrouped_line(report: Report, device: UngroupedDevice) -> str:
    """The first line about a function in no group."""
    if report.groups or device.reason != UNBINDABLE:
        return f"{device.name}: {device.reason}"
    none = wording.no_groups(report).removeprefix("no IOMMU group: ")
    return f"{device.name}: {NO_GROUP}; {none}"


def verdict_line(report: Report, group: GroupReport) -> str:
    """The first line about a group."""
    kernel = report.host.kernel or "unknown"
    return f"group {group.id}: {group.outcome} ({group.headline.policy}, kernel {kernel})"


def _verdict(subject: Subject) -> Iterator[str]:
    group, attachment = subject.group, subject.group.attachment
    yield verdict_line(subject.report, group)
    after = ", after the change below" if wording.to_change(attachment) else ""
    yield f"  attach: {wording.attach(attachment, after)}"
    yield from first_bound(subject.snapshot, group)


def _why(subject: Subject) -> Iterator[str]:
    group = subject.group
    if group.outcome is Outcome.ALLOWED:
        return
    yield f"  why: {reason(group)}"
    if group.outcome is not Outcome.UNKNOWN:
        yield f"  override: {group.headline.override.said}"


def _causes(causes: Sequence[CauseReport]) -> list[list[str]]:
    """Why, and what to change here, the first errno's first.

    Each of the first causes is a section of its own, so that steps are left out before a cause is.
    The override comes after all of them.
    """
    told: list[list[str]] = []
    known: set[Step] = set()
    for cause in causes:
        steps = [step for step in cause.change if step not in known]
        entries = [f"cause: {cause.sentence}"]
        if len(steps) < len(cause.change):
            entries.append("  The steps above help here, too.")
        told.append(entries)
        entries += [f"  {number}. {wording.step(step)}" for number, step in enumerate(steps, 1)]
        known.update(steps)
    others = [entry for entries in told[_TOLD:] for entry in entries[:1]]
    return [*told[:_TOLD], others, wording.last_resort(causes)]


def _together(group: GroupReport, causes: Sequence[CauseReport]) -> Iterator[str]:
    """What it means for the steps that several causes refuse the group, each by itself."""
    blockers = {blocker.name: blocker.because.truth for blocker in group.attachment.blockers}
    refused = group.outcome is Outcome.REFUSED
    sure = [cause for cause in causes if blockers.get(cause.name, refused)]
    if all(cause.change == sure[0].change for cause in sure):
        return
    if all(cause.helps for cause in sure):
        yield "Each of these causes is enough to refuse the group: all of them must go."
    else:
        yield "The steps alone do not help: one of these causes stays whatever they change."


def _members(subject: Subject) -> Iterator[str]:
    alike: dict[Hashable, list[DeviceReport]] = {}
    for device in subject.group.devices:
        kind = device.driver, device.bus, device.isolated.truth
        alike.setdefault(kind, []).append(device)
    for devices in sorted(alike.values(), key=lambda devices: devices[0].isolated.truth is True):
        first = devices[0]
        names = [device.name for device in devices]
        driver = f" {first.driver}" if first.driver else ""
        state = wording.truth(first.isolated.truth)
        yield f"  {_few(names)}{driver}, {first.bus or 'unknown bus'}, isolated: {state}"


def _binding(subject: Subject) -> Iterator[str]:
    return binding_lines(subject.snapshot, subject.group, subject.facts)


def _facts(subject: Subject) -> Iterator[str]:
    """What the members are, those that the host needs first."""
    known = [device.name for device in subject.group.devices if device.name in subject.facts]
    known.sort(key=lambda name: not subject.facts[name].roles)
    for name in known[:_DESCRIBED]:
        told = "; ".join(facts_lines(subject.facts[name]))
        if told:
            yield f"  {name}: {told}"
    if len(known) > _DESCRIBED:
        yield f"  what the other {len(known) - _DESCRIBED} are: the same command with --proof"


def _others(subject: Subject) -> Iterator[str]:
    """The backends that say otherwise, and the series of 2016 if it does."""
    group = subject.group
    for name, verdict in group.backends:
        if verdict is not None and verdict.outcome is not group.outcome:
            yield f"  {name}: {verdict.outcome} ({verdict.policy})"
    if group.agrees is False:
        yield f"  The 2016 series disagrees: {group.series.outcome}."


def _memory(subject: Subject) -> Iterator[str]:
    return (line for line in memory_lines(subject.snapshot, subject.group.id) if line)


def _unknown(subject: Subject) -> Iterator[str]:
    group = subject.group
    yield from _not_known((group.headline.isolated, group.headline.override))
    if group.unseen is not None:
        yield f"  the kernel refuses it if somebody holds it, and {group.unseen.detail}"


#: From the top of the screen to its end; the causes stand between.
ABOVE: tuple[Section, ...] = (_verdict, _why)
BELOW: tuple[Section, ...] = (_members, _binding, _facts, _others, _memory, _unknown)


def _not_known(answers: Iterable[Answer]) -> Iterator[str]:
    """The files that are missing in these proofs."""
    gaps = {gap.source: gap for answer in answers for gap in _gaps(answer)}
    for text in rows(f"{gap.source}: {gap.errno or gap.detail}" for gap in gaps.values()):
        yield f"  not known: {text}"


def _gaps(answer: Answer) -> Iterator[Gap]:
    """The gaps of a proof that is not decided; a decided one needs none of its gaps."""
    waiting, seen = [answer], {id(answer)}
    while waiting:
        for part in waiting.pop().because:
            if isinstance(part, Gap):
                yield part
            elif isinstance(part, Answer) and part.truth is None and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def _few(names: list[str]) -> str:
    more = f" +{len(names) - 2} more" if len(names) > 2 else ""
    return f"{', '.join(names[:2])}{more}"


def _fit(above: list[list[str]], below: list[list[str]]) -> list[str]:
    """The entries in lines, and how to see the rest; at most `LINES` of at most `COLUMNS`.

    The sections `below` give way first. A section that goes as a whole is not mentioned.
    """
    wrapped = [[_wrap(entry) for entry in entries] for entries in (*above, *below)]
    left_out = [0] * len(wrapped)
    while _height(wrapped) + _notes(wrapped, left_out) + 1 > LINES:
        longest = _giving_way(wrapped, len(above))
        entries = wrapped[longest]
        if len(entries) > 1 or longest > len(above):
            entries.pop()
            left_out[longest] += 1
        else:
            entries[0] = [*entries[0][:-2], f"{entries[0][-2][: COLUMNS - 4]} ..."]
    lines: list[str] = []
    for entries, more in zip(wrapped, left_out, strict=True):
        lines += [line for entry in entries for line in entry]
        lines += [f"    {_MORE.format(more)}"] if more and entries else []
    return [*lines, _PROOF]


def _notes(sections: list[list[list[str]]], left_out: list[int]) -> int:
    """The lines that say of a section that it has more."""
    return sum(bool(more and entries) for entries, more in zip(sections, left_out, strict=True))


def _giving_way(wrapped: list[list[list[str]]], below: int) -> int:
    """The section that loses an entry.

    It is the longest from `below` on that has two entries, else the longest behind the members,
    else the last before that has two.
    """
    long = [place for place, entries in enumerate(wrapped) if len(entries) > 1]
    late = [place for place in long if place >= below]
    late = late or [place for place in range(below + 1, len(wrapped)) if wrapped[place]]
    if long and not late:
        return long[-1]
    return max(late or range(len(wrapped)), key=lambda place: _height([wrapped[place]]))


def _height(sections: list[list[list[str]]]) -> int:
    return sum(len(entry) for entries in sections for entry in entries)


def _wrap(entry: str) -> list[str]:
    text = entry.lstrip(" ")
    indent = len(entry) - len(text)
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    ) or [""]
