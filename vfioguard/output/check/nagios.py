"""The answer of `check` as the output of a Nagios plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vfioguard import checked as words
from vfioguard.attach import Attach, rank, status
from vfioguard.output.nagios import plugin
from vfioguard.report import Checked, Missing, Report


def text(report: Report, answers: Sequence[Checked | Missing]) -> str:
    """The worst answer in the first line; a line for each target if there are several."""
    worst = max(answers, key=lambda each: rank(_answer(each)))
    counts = Counter(map(_answer, answers))
    lines = [_line(report, each) for each in answers]
    sentence = _line(report, worst)
    if len(answers) > 1:
        told = [f"{counts[answer]} {answer}" for answer in reversed(Attach) if counts[answer]]
        sentence = f"{', '.join(told)} of {len(answers)} targets: {sentence}"
    measured = [(str(answer), counts[answer], status(answer)) for answer in Attach]
    return plugin(status(_answer(worst)), sentence, measured, lines if len(answers) > 1 else ())


def _answer(each: Checked | Missing) -> Attach:
    return each.answer if isinstance(each, Checked) else Attach.UNKNOWN


def _line(report: Report, each: Checked | Missing) -> str:
    return words.line(report, each) if isinstance(each, Checked) else each.reason
