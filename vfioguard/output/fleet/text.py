"""A fleet for a person in a terminal: the worst first, on one screen of 24 lines and 80 columns."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vfioguard.fleet.sums import CauseSum, Fleet
from vfioguard.output import Style
from vfioguard.verdict import Outcome

#: Lines of a screen; the last is the prompt.
_SCREEN = 23
#: Findings, and hosts that were not judged, that get a line; and the least number of causes.
_FINDINGS, _FAILED, _CAUSES = 3, 3, 2
_NO_GROUP = "no group"


def fleet_text(fleet: Fleet, style: Style) -> Iterator[str]:
    """Line by line. With `style.every_group` every cause, finding and host is told in full."""
    for line in _lines(fleet, style):
        whole = style.every_group or len(line) <= style.width
        yield line if whole else f"{line[: style.width - 3]}..."


def _lines(fleet: Fleet, style: Style) -> Iterator[str]:
    whole = style.every_group
    above = _directory(fleet)
    head = list(_head(fleet, above))
    findings = list(_findings(fleet, None if whole else _FINDINGS))
    failed = list(_failed(fleet, above, style))
    rows = [list(_cause(cause, above, style)) for cause in fleet.causes]
    room = _SCREEN - len(head) - len(findings) - len(failed) - 1
    shown = len(rows)
    while not whole and shown > _CAUSES and _height(rows, shown) > room:
        shown -= 1
    yield from head
    yield from findings
    if rows:
        yield ""
    for row in rows[:shown]:
        yield from row
    if shown < len(rows):
        yield f"and {_many(len(rows) - shown, 'more cause')}: --all"
    yield from failed
    if whole:
        yield ""
        for host in fleet.judged:
            causes = ", ".join(dict.fromkeys(cause.name for cause in host.causes))
            name = host.path.removeprefix(above)
            yield f"{host.worst or _NO_GROUP:<20} {name}{f': {causes}' if causes else ''}"


def _directory(fleet: Fleet) -> str:
    """The directory that all hosts share, with a slash; "" if there is none."""
    above = {os.path.dirname(host.path) for host in fleet.judged}
    above |= {os.path.dirname(host.path) for host in fleet.not_judged}
    if len({os.path.isabs(path) for path in above}) != 1:
        return ""
    shared = os.path.commonpath(above)
    return f"{shared.rstrip('/')}/" if shared else ""


def _head(fleet: Fleet, above: str) -> Iterator[str]:
    groups = dict(fleet.groups)
    failed = f", {len(fleet.not_judged):,} not judged" if fleet.not_judged else ""
    of = f" in {above.rstrip('/')}" if above.rstrip("/") else ""
    all_groups = _many(sum(groups.values()), "IOMMU group")
    yield f"{_many(len(fleet.judged), 'host')}{failed}; {all_groups}{of}"
    for worst, number in fleet.hosts:
        name = f"  {worst or _NO_GROUP:<20}{_many(number, 'host'):>14}"
        yield name if worst is None else f"{name}{_many(groups[worst], 'group'):>18}"


def _cause(cause: CauseSum, above: str, style: Style) -> Iterator[str]:
    """What is refused, and what to do; with `style.every_group` all hosts, not the first alone."""
    outcome = _NO_GROUP if cause.outcome is None else _outcome(cause.outcome)
    groups = f", {_many(cause.groups, 'group')}" if cause.groups else ""
    bound = f", {cause.bound:,} on VFIO" if cause.bound else ""
    names = [path.removeprefix(above) for path in cause.paths]
    text = f"{outcome}: {cause.name}: {_many(len(names), 'host')}{groups}{bound}"
    if style.every_group:
        yield text
    elif len(text) + len(f", as {names[0]}") <= style.width:
        yield f"{text}, as {names[0]}"
    else:
        yield text
        yield f"    as {_end(names[0], style.width - len('    as '))}"
    yield f"    {cause.change[0] if cause.change else cause.sentence}"
    if style.every_group:
        yield f"    {', '.join(names)}"


def _height(rows: list[list[str]], shown: int) -> int:
    """The lines of the first rows, and the one that counts the others."""
    return sum(map(len, rows[:shown])) + (shown < len(rows))


def _end(name: str, room: int) -> str:
    """A host's name, or the end of it: captures of many hosts begin alike."""
    return name if len(name) <= room else f"...{name[3 - room :]}"


def _outcome(outcome: Outcome) -> str:
    """A group whose interrupts are isolated has a cause only if something else refuses it."""
    return "blocked" if outcome is Outcome.ALLOWED else outcome


def _findings(fleet: Fleet, most: int | None) -> Iterator[str]:
    rows = fleet.findings[:most]
    if rows:
        yield ""
    for row in rows:
        yield f"finding, {row.severity}: {row.name}: {_many(len(row.paths), 'host')}"
    if len(rows) < len(fleet.findings):
        yield f"and {_many(len(fleet.findings) - len(rows), 'more finding')}: --all"


def _failed(fleet: Fleet, above: str, style: Style) -> Iterator[str]:
    rows = fleet.not_judged if style.every_group else fleet.not_judged[:_FAILED]
    if rows:
        yield ""
    for row in rows:
        name = row.path.removeprefix(above)
        if style.every_group:
            yield f"not judged: {name}: {row.why}"
        else:
            yield f"not judged: {_end(name, style.width // 2)}: {row.why}"
    if len(rows) < len(fleet.not_judged):
        yield f"and {len(fleet.not_judged) - len(rows):,} more not judged: --all"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
