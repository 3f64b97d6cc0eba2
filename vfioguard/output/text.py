"""The Report for a person in a terminal: the worst first, one screen for a host of 60 groups."""

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from vfioguard import wording
from vfioguard.output import Output, Style
from vfioguard.report import GroupReport, Report
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


class _Bucket(NamedTuple):
    """Groups with one outcome and reason; `aside` tells if kernel or series say otherwise."""

    outcome: Outcome
    reason: str
    aside: str
    groups: tuple[GroupReport, ...]


def _parts(report: Report, style: Style) -> Iterator[str]:
    return (f"{line}\n" for line in _lines(report, style))


def _lines(report: Report, style: Style) -> Iterator[str]:
    if not report.groups:
        yield from _fill(wording.no_groups(report), style, indent="  ")
        yield from _context(report, style)
        yield from _findings(report, style)
        yield from _unreadable(report, style)
        return
    buckets = _buckets(report)
    yield _summary(report, style)
    yield from _context(report, style)
    yield from _findings(report, style)
    shown = sum(len(b.groups) for b in buckets if b.outcome is not Outcome.ALLOWED)
    for bucket in buckets:
        yield ""
        yield from _bucket(bucket, style, spell_out=shown <= _LINES)
    for reason, names in wording.ungrouped_lines(report, None if style.every_group else 8):
        yield ""
        yield from _fill(reason, style, indent="  ")
        yield from _fill(f"  {names}", style, indent="    ")
    worst = buckets[0]
    if worst.outcome is not Outcome.ALLOWED:
        yield ""
        yield f"Proof: {wording.proof_command(report, worst.groups[0], style.again)}"
    yield from _unreadable(report, style)


def _findings(report: Report, style: Style) -> Iterator[str]:
    for finding in report.findings:
        yield from _fill(f"{finding.severity}: {finding.summary}", style, indent="  ")


def _summary(report: Report, style: Style) -> str:
    counts = dict.fromkeys(sorted(Outcome, key=severity, reverse=True), 0)
    for group in report.groups:
        counts[group.outcome] += 1
    parts = [_paint(f"{n} {outcome}", outcome, style) for outcome, n in counts.items() if n]
    return f"{', '.join(parts)} of {len(report.groups)} IOMMU groups"


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
    alike: dict[tuple[Outcome, str, str], list[GroupReport]] = {}
    for group in report.groups:
        aside = wording.aside(group)
        why = wording.general_reason(group)
        if group.outcome is Outcome.ALLOWED:
            why = ""  # a person under pressure asks why not, never why
        alike.setdefault((group.outcome, why, aside), []).append(group)
    buckets = [
        _Bucket(outcome=outcome, reason=reason, aside=aside, groups=tuple(groups))
        for (outcome, reason, aside), groups in alike.items()
    ]
    return sorted(buckets, key=lambda b: (-severity(b.outcome), -len(b.groups)))


def _bucket(bucket: _Bucket, style: Style, *, spell_out: bool) -> Iterator[str]:
    head = f"{bucket.outcome} ({len(bucket.groups)})"
    text = f"{head}  {bucket.reason}{bucket.aside}" if bucket.reason else f"{head}{bucket.aside}"
    first, *others = _fill(text, style, indent="  ")
    yield first.replace(head, _paint(head, bucket.outcome, style), 1)
    yield from others
    if style.every_group or (spell_out and bucket.outcome is not Outcome.ALLOWED):
        for group in bucket.groups:
            yield _group(group, style)
    else:
        numbers = wording.ranges(group.id for group in bucket.groups)
        yield from _fill(f"  groups {numbers}", style, indent="    ")


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
    gaps = [gap for gap in report.gaps if gap.errno is not None or gap.why == "malformed"]
    if gaps:
        yield ""
        yield f"not readable ({len(gaps)}):"
        for gap in gaps[:_GAPS]:
            reason = gap.errno or gap.detail
            yield f"  {gap.source}: {reason}"[: style.width]
        if len(gaps) > _GAPS:
            yield f"  and {len(gaps) - _GAPS} more (--output json has all)"


def _fill(text: str, style: Style, *, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        style.width,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
        drop_whitespace=True,
        initial_indent="  " if text.startswith("  ") else "",
    ) or [""]


def _paint(text: str, outcome: Outcome, style: Style) -> str:
    return f"{_COLORS[outcome]}{text}{_RESET}" if style.color else text


OUTPUT = Output("text/plain; charset=utf-8", _parts)
