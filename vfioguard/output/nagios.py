"""The Report as the output of a Nagios plugin, which Icinga and Naemon take as well.

The first line has the status, one sentence and the performance data; lines of detail follow. Nagios
takes the status from the exit status, which is that of any other form. `|` divides text from
performance data, so no text has it (Monitoring Plugins Development Guidelines, "Plugin Output for
Nagios", and docs/guide of Nagios Core, "Nagios Plugin API").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from vfioguard import wording
from vfioguard.output import Output, Style
from vfioguard.report import Report
from vfioguard.verdict import Outcome, exit_code, severity

#: By exit status.
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_UNKNOWN = _WORDS.index("UNKNOWN")
#: Lines of detail, of which a host has as many as its causes and findings have.
_LINES = 32


def plugin(
    status: int, sentence: str, counts: Iterable[tuple[str, int, int]], details: Sequence[str] = ()
) -> str:
    """The whole output. Each of `counts` is a label, its number, and the status if it is not 0.

    A label has letters and hyphens alone, so that none needs quotes.
    """
    measured = " ".join(_measured(*each) for each in counts)
    lines = [
        f"VFIOGUARD {_WORDS[status]} - {_text(sentence)}{f' | {measured}' if measured else ''}"
    ]
    lines += [_text(line) for line in details[:_LINES]]
    if len(details) > _LINES:
        lines.append(f"and {len(details) - _LINES} more lines")
    return "".join([f"{line}\n" for line in lines])


def unknown(sentence: str) -> str:
    """The output if the host cannot be read, or not judged."""
    return plugin(_UNKNOWN, sentence, ())


def _measured(label: str, number: int, status: int) -> str:
    """`label=value;warn;crit;min`: the range `0` alerts at anything above 0."""
    warn, crit = ("0" if status == wanted else "" for wanted in (1, 2))
    return f"{label}={number};{warn};{crit};0"


def _text(sentence: str) -> str:
    return sentence.replace("|", "(pipe)")


def _parts(report: Report, style: Style) -> Iterator[str]:
    details = _details(report, style.again)
    if not report.attachable:
        yield plugin(_UNKNOWN, _sentence(report), _counts(report), details)
        return
    worst = max((group.outcome for group in report.attachable), key=severity)
    yield plugin(exit_code(worst), _sentence(report), _counts(report), details)


def _sentence(report: Report) -> str:
    """What the host comes to, and why, if it is not all well."""
    assumed = f"what if {', '.join(report.host.assumed)}: " if report.host.assumed else ""
    text = wording.summary(report) if report.groups else wording.no_groups(report)
    blocked, left = _blocked(report), len(report.groups) - len(report.attachable)
    text += f", {blocked} of them blocked" if blocked else ""
    text += f"; {left} not attachable" if left else ""
    first = report.causes[:1]
    why = f"; {first[0].cause.sentence.rstrip('.')}" if first else ""
    return f"{assumed}{text}{why}"


def _blocked(report: Report) -> int:
    """How many groups something else than their interrupts refuses; those count by outcome, too."""
    return sum(map(wording.is_blocked, report.attachable))


def _counts(report: Report) -> Iterator[tuple[str, int, int]]:
    """The groups by outcome; none if the groups cannot be read, as zero would be a lie."""
    if report.groups_read is not None and report.groups_read.why != "absent":
        return
    counts = Counter(map(attrgetter("outcome"), report.attachable))
    for outcome in Outcome:
        yield str(outcome), counts[outcome], exit_code(outcome)
    yield "blocked", _blocked(report), 0
    yield "not-attachable", len(report.groups) - len(report.attachable), 0


def _details(report: Report, again: str) -> list[str]:
    """The causes with their steps, and the findings."""
    lines: list[str] = []
    for row in report.causes:
        count = f" ({len(row.groups)})" if row.groups else ""
        lines.append(f"cause{count}: {row.cause.sentence}")
        lines += [
            f"{number}. {wording.step(step)}" for number, step in enumerate(row.cause.change, 1)
        ]
        lines += filter(None, [wording.of_others(report, row, again)])
    lines += wording.last_resort(row.cause for row in report.causes)
    lines += [f"{finding.severity}: {finding.summary}" for finding in report.findings]
    return lines


OUTPUT = Output("text/plain; charset=utf-8", _parts)
