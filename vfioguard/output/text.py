"""The Report for a person in a terminal: the worst first, one screen for a host of 60 groups."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterable, Iterator

from vfioguard import wording
from vfioguard.fact import Why
from vfioguard.folding import Folded, fold, join, own, rows
from vfioguard.output import Output, Style
from vfioguard.reason import folded_reason
from vfioguard.report import CauseRow, DeviceReport, GroupReport, Report, UngroupedDevice
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Outcome, severity

_COLORS = {
    Outcome.REFUSED: "\x1b[31m",
    Outcome.UNKNOWN: "\x1b[33m",
    Outcome.BY_OVERRIDE: "\x1b[35m",
    Outcome.ALLOWED: "\x1b[32m",
}
_RESET = "\x1b[0m"
#: If no more groups than these are not allowed, each of them gets a line.
_LINES = 12
_GAPS = 3
#: Causes, and steps of each, that are told.
_CAUSES, _STEPS = 4, 3
#: Lines that the numbers of a row's groups may fill, a little more or less.
_NUMBERS = 2


class _Bucket(NamedTuple):
    """Groups with one outcome and reason; `aside` tells if kernel or series say otherwise."""

    outcome: Outcome
    blocked: bool
    reason: str
    aside: str
    groups: tuple[GroupReport, ...]


def _parts(report: Report, style: Style) -> Iterator[str]:
    return (f"{line}\n" for line in _lines(report, style))


def _lines(report: Report, style: Style) -> Iterator[str]:
    yield from _assumed(report, style)
    if not report.groups:
        yield from _fill(wording.no_groups(report), style, indent="  ")
        yield from _causes(report, style)
        yield from _context(report, style)
        yield from _findings(report, style)
        yield from _facts(report.ungrouped, style)
        yield from _unreadable(report, style)
        return
    buckets = _buckets(report)
    yield _summary(report, style)
    yield from _context(report, style)
    yield from _findings(report, style)
    yield from _causes(report, style)
    shown = sum(len(b.groups) for b in buckets if b.outcome is not Outcome.ALLOWED)
    for bucket in buckets:
        yield ""
        yield from _bucket(bucket, style, spell_out=shown <= _LINES)
    yield from _not_attachable(report, style)
    for reason, names in wording.ungrouped_lines(report, None if style.every_group else 8):
        yield ""
        yield from _fill(reason, style, indent="  ")
        yield from _fill(f"  {names}", style, indent="    ")
    yield from _facts(report.ungrouped, style)
    worst = buckets[0] if buckets else None
    if worst is not None and worst.outcome is not Outcome.ALLOWED:
        yield ""
        yield f"Why: {wording.proof_command(report, worst.groups[0], style.again)}"
    yield from _unreadable(report, style)


def _assumed(report: Report, style: Style) -> Iterator[str]:
    """What the report assumes, and what differs from the host as it is."""
    if not report.host.assumed:
        return
    yield from _fill(f"What if: {', '.join(report.host.assumed)}", style, indent="  ")
    for shift in report.shifts:
        text = f"{len(shift.groups)} groups: {shift.before} -> {shift.after}"
        yield from _fill(f"  {text}: {wording.ranges(shift.groups)}", style, indent="    ")
    if not report.shifts:
        yield "  no group changes"
    yield ""


def _findings(report: Report, style: Style) -> Iterator[str]:
    for name in dict.fromkeys(finding.name for finding in report.findings):
        alike = [finding for finding in report.findings if finding.name == name]
        for line in rows(f"{finding.severity}: {finding.summary}" for finding in alike):
            yield from _fill(line, style, indent="  ")
        steps = dict.fromkeys(step for finding in alike for step in finding.change)
        for step in list(steps)[:_STEPS]:
            yield from _fill(f"  - {wording.step(step)}", style, indent="    ")


def _summary(report: Report, style: Style) -> str:
    counts = dict.fromkeys(sorted(Outcome, key=severity, reverse=True), 0)
    blocked = 0
    for group in report.attachable:
        counts[group.outcome] += 1
        blocked += wording.is_blocked(group)
    parts = [_paint(f"{n} {outcome}", outcome, style) for outcome, n in counts.items() if n]
    left = len(report.groups) - len(report.attachable)
    text = f"{', '.join(parts) or '0'} of {len(report.attachable)} IOMMU groups"
    text += f", {blocked} of them blocked" if blocked else ""
    return text + (f"; {left} not attachable" if left else "")


def _causes(report: Report, style: Style) -> Iterator[str]:
    """Why, and what to change here: a few lines for each cause."""
    for row in report.causes[:_CAUSES]:
        yield ""
        count = f" ({len(row.groups)})" if row.groups else ""
        yield from _fill(f"cause{count}: {row.cause.sentence}", style, indent="  ")
        steps = row.cause.change
        for number, step in enumerate(steps[:_STEPS], 1):
            yield from _fill(f"  {number}. {wording.step(step)}", style, indent="     ")
        if steps[_STEPS:]:
            more = f"     +{len(steps[_STEPS:])} more ({_all_steps(report, row)}{style.again})"
            yield from _fill(more, style, indent="       ")
        others = wording.of_others(report, row, style.again)
        yield from _fill(f"  {others}", style, indent="    ") if others else ()
    if len(report.causes) > _CAUSES:
        yield f"and {len(report.causes) - _CAUSES} more causes (--output json)"
    last = wording.last_resort([row.cause for row in report.causes])
    if last:
        yield ""
        yield from _fill(last[0], style, indent="  ")


def _all_steps(report: Report, row: CauseRow) -> str:
    """The command that tells all steps of a cause: of its first group, or of a device in none."""
    if row.groups:
        return f"vfioguard explain group:{row.groups[0]}"
    return f"vfioguard explain {report.ungrouped[0].name if report.ungrouped else 'DEVICE'}"


def _not_attachable(report: Report, style: Style) -> Iterator[str]:
    left = [group for group in report.groups if not group.attachable]
    if not left:
        return
    yield ""
    text = f"not attachable ({len(left)})  no VFIO driver takes a member: bridges, ACPI devices"
    yield from _fill(text, style, indent="  ")
    if style.every_group:
        yield from (_group(group, style) for group in left)
    else:
        yield from _numbers(tuple(left), style)


def _context(report: Report, style: Style) -> Iterator[str]:
    host = report.host
    overrides = ", ".join(
        f"{o.name}={'Y' if o.value else 'N'}" for o in report.overrides if o.value is not None
    )
    name = " ".join(part for part in (host.kernel or "unknown", host.arch) if part)
    text = f"kernel {name}; decides by "
    loaded = f"{host.modules[0]} is loaded" if host.modules else "no VFIO module loaded"
    text += f"{wording.policies(report)}; {overrides or loaded}"
    yield from _fill(text, style, indent="  ")
    if report.groups and report.groups_read is not None:
        yield from _fill(_BY_LINKS, style, indent="  ")


#: The reason why much of each group is missing.
_BY_LINKS = (
    "the groups are known by their devices' links alone, as /sys/kernel/iommu_groups is not "
    "recorded: their types, reserved regions and members of other buses are not"
)


def _buckets(report: Report) -> list[_Bucket]:
    alike: dict[tuple[Outcome, bool, Hashable, str], list[tuple[GroupReport, Folded]]] = {}
    for group in report.attachable:
        aside, blocked = wording.aside(group), wording.is_blocked(group)
        # A person under pressure asks why not, never why.
        if blocked:
            why = fold(wording.blocked(group), own(member.name for member in group.devices))
        else:
            why = fold("") if group.outcome is Outcome.ALLOWED else folded_reason(group)
        alike.setdefault((group.outcome, blocked, why.key, aside), []).append((group, why))
    buckets = [
        _Bucket(
            outcome=outcome,
            blocked=blocked,
            reason=join([why for _, why in row]),
            aside=aside,
            groups=tuple(group for group, _ in row),
        )
        for (outcome, blocked, _, aside), row in alike.items()
    ]
    return sorted(buckets, key=lambda b: (-severity(b.outcome), not b.blocked, -len(b.groups)))


def _bucket(bucket: _Bucket, style: Style, *, spell_out: bool) -> Iterator[str]:
    word = f"{bucket.outcome}, blocked" if bucket.blocked else bucket.outcome
    head = f"{word} ({len(bucket.groups)})"
    text = f"{head}  {bucket.reason}{bucket.aside}" if bucket.reason else f"{head}{bucket.aside}"
    first, *others = _fill(text, style, indent="  ")
    yield first.replace(head, _paint(head, bucket.outcome, style), 1)
    yield from others
    bad = bucket.blocked or bucket.outcome is not Outcome.ALLOWED
    if style.every_group or (spell_out and bad):
        for group in bucket.groups:
            yield _group(group, style)
            yield from _facts(group.devices, style)
    else:
        yield from _numbers(bucket.groups, style)


def _numbers(groups: tuple[GroupReport, ...], style: Style) -> list[str]:
    """The numbers of the groups as ranges; what does not fit is counted."""
    spans = wording.ranges(group.id for group in groups).split(", ")
    room, shown = _NUMBERS * style.width, 0
    while shown < len(spans) and room > 0:
        room -= len(spans[shown]) + 2
        shown += 1
    text = f"  groups {', '.join(spans[:shown])}"
    if shown < len(spans):
        last = int(spans[shown - 1].rpartition("-")[2])
        text += f" and {sum(group.id > last for group in groups)} more groups (--all)"
    return _fill(text, style, indent="    ")


def _facts(devices: Iterable[DeviceReport | UngroupedDevice], style: Style) -> Iterator[str]:
    if not style.facts:
        return
    from vfioguard.output.facts.lines import facts_lines  # most reports show none

    for device in devices:
        if device.name in style.facts:
            yield f"         {device.name}:"
            for line in facts_lines(style.facts[device.name]):
                yield from _fill(f"           {line}", style, indent="           ")


def _group(group: GroupReport, style: Style) -> str:
    devices = ", ".join(wording.device(device) for device in group.devices)
    line = f"  {group.id:>5}  {devices or 'no device'}"
    if style.every_group or len(line) <= style.width:
        return line
    keep = 1
    while keep < len(group.devices):
        text = ", ".join(wording.device(device) for device in group.devices[: keep + 1])
        if len(f"  {group.id:>5}  {text} +{len(group.devices)} more") > style.width:
            break
        keep += 1
    text = ", ".join(wording.device(device) for device in group.devices[:keep])
    more = len(group.devices) - keep
    return f"  {group.id:>5}  {text} +{more} more"[: style.width]


def _unreadable(report: Report, style: Style) -> Iterator[str]:
    unread = [gap for gap in report.gaps if gap.errno is not None]
    empty = [gap for gap in report.gaps if gap.errno is None and gap.why is Why.MALFORMED]
    for head, gaps in (("not readable", unread), ("read, but no answer in it", empty)):
        if gaps:
            yield ""
            yield f"{head} ({len(gaps)}):"
            for gap in gaps[:_GAPS]:
                yield from _fill(f"  {gap.source}: {gap.errno or gap.detail}", style, indent="    ")
        if len(gaps) > _GAPS:
            yield f"  and {len(gaps) - _GAPS} more (--output json has all)"


def _fill(text: str, style: Style, *, indent: str) -> list[str]:
    words = text.lstrip(" ")
    return textwrap.wrap(
        words,
        style.width,
        initial_indent=" " * (len(text) - len(words)),
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    ) or [""]


def _paint(text: str, outcome: Outcome, style: Style) -> str:
    return f"{_COLORS[outcome]}{text}{_RESET}" if style.color else text


OUTPUT = Output("text/plain; charset=utf-8", _parts)
