"""The gate for `curl -f`: from what a target stands for to a status and a body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from vfioguard import wording
from vfioguard.report import SCHEMA_VERSION, GroupReport, Report, UngroupedDevice
from vfioguard.verdict import Outcome

if TYPE_CHECKING:
    from vfioguard.json_shapes import answers as shapes

_STATUS = {
    Outcome.ALLOWED: 200,
    Outcome.BY_OVERRIDE: 200,
    Outcome.REFUSED: 409,
    Outcome.UNKNOWN: 503,
}
_LEVEL: dict[Outcome, Literal["Info", "Warning", "Error"]] = {
    Outcome.ALLOWED: "Info",
    Outcome.BY_OVERRIDE: "Warning",
    Outcome.REFUSED: "Error",
    Outcome.UNKNOWN: "Error",
}


class Checked(NamedTuple):
    """An HTTP status, the line that `vfioguard check` prints, and the members of the body."""

    status: int
    line: str
    body: shapes.Check


def check(
    report: Report, target: str, found: GroupReport | UngroupedDevice, *, strict: bool
) -> Checked:
    """Judge one target. `strict`: an override that is on lets nothing pass."""
    series: Outcome | None = None
    if isinstance(found, GroupReport):
        outcome = found.outcome
        line = wording.verdict_line(target, found)
        reason = wording.reason(found)
        group: int | None = found.id
        needs, agrees, series = found.headline.needs_override, found.agrees, found.series.outcome
        policy: str | None = found.headline.policy
    else:
        outcome = Outcome.UNKNOWN
        line = reason = wording.ungrouped_line(report, found)
        group = needs = agrees = policy = None
    status = 409 if strict and outcome is Outcome.BY_OVERRIDE else _STATUS[outcome]
    body: shapes.Check = {
        "schema_version": SCHEMA_VERSION,
        "generated_at": report.generated_at,
        "target": target,
        "group": group,
        "outcome": outcome,
        "level": _LEVEL[outcome],
        "needs_override": needs,
        "policy": policy,
        "reason": reason,
        "series": series,
        "agrees": agrees,
    }
    return Checked(status, line, body)
