"""The gate for `curl -f`: turns the answers for targets into an HTTP status and a body."""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard import checked
from vfioguard.attach import Attach
from vfioguard.output.check.json import answer_json, checks_json
from vfioguard.report import SCHEMA_VERSION, Checked, Missing, Report
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.json_shapes import check as shapes

_STATUS = {Attach.YES: 200, Attach.BY_OVERRIDE: 200, Attach.NO: 409, Attach.UNKNOWN: 503}
_MISSING = 404
#: The status of several targets is the first of these that one of them has.
_WORST_FIRST = (409, _MISSING, 503, 200)


class Gate(NamedTuple):
    """An HTTP status, the lines that `vfioguard check` prints, and the JSON of each target.

    `detail` is the line of the first target that has the status, and how many others have it.
    """

    status: int
    detail: str
    lines: tuple[str, ...]
    targets: tuple[shapes.Target, ...]


def gate(report: Report, answers: Sequence[Checked | Missing], *, strict: bool) -> Gate:
    """What the answers for the targets of one request come to.

    `strict`: a target that needs the override does not pass, even if the override is on.
    """
    statuses = [_status(answer, strict=strict) for answer in answers]
    worst = next(status for status in _WORST_FIRST if status in statuses)
    lines = tuple([_line(report, answer) for answer in answers])
    others = statuses.count(worst) - 1
    return Gate(
        status=worst,
        detail=lines[statuses.index(worst)] + (f" (and {others} more)" if others else ""),
        lines=lines,
        targets=tuple([answer_json(report, answer) for answer in answers]),
    )


def _status(answer: Checked | Missing, *, strict: bool) -> int:
    if isinstance(answer, Missing):
        return _MISSING
    return 409 if strict and answer.answer is Attach.BY_OVERRIDE else _STATUS[answer.answer]


def _line(report: Report, answer: Checked | Missing) -> str:
    if isinstance(answer, Missing):
        return f"{Attach.UNKNOWN} {answer.reason}"
    return checked.line(report, answer)


def one_json(generated_at: str, gate: Gate) -> shapes.Check:
    """The body of the route that names one target. A stale gate does not answer."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stale": None,
        "read_at": None,
        "generated_at": generated_at,
        **gate.targets[0],
    }


def all_json(generated_at: str, gate: Gate) -> shapes.Checks:
    """The body of the route that names several."""
    return checks_json(generated_at, list(gate.targets))
