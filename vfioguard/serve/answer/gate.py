"""The gate for `curl -f`: turns the verdict on a target into an HTTP status and a body."""

from __future__ import annotations

from typing import NamedTuple

from vfioguard import wording
from vfioguard.output.json import Json
from vfioguard.report import SCHEMA_VERSION, GroupReport, Report, UngroupedDevice
from vfioguard.verdict import Outcome

_STATUS = {
    Outcome.ALLOWED: 200,
    Outcome.BY_OVERRIDE: 200,
    Outcome.REFUSED: 409,
    Outcome.UNKNOWN: 503,
}
_LEVEL = {
    Outcome.ALLOWED: "Info",
    Outcome.BY_OVERRIDE: "Warning",
    Outcome.REFUSED: "Error",
    Outcome.UNKNOWN: "Error",
}


class Checked(NamedTuple):
    """An HTTP status, the line that `vfioguard check` prints, and the members of the JSON body."""

    status: int
    line: str
    body: dict[str, Json]


def check(
    report: Report, target: str, subject: GroupReport | UngroupedDevice, *, strict: bool
) -> Checked:
    """Judge `subject`, which `target` names.

    `strict`: a group that needs the override does not pass, even if the override is on.
    """
    series: Outcome | None = None
    if isinstance(subject, GroupReport):
        outcome = subject.outcome
        line = wording.verdict_line(target, subject)
        reason = wording.reason(subject)
        group: int | None = subject.id
        needs, agrees = subject.headline.needs_override, subject.agrees
        series = subject.series.outcome
        policy: str | None = subject.headline.policy
    else:
        outcome = Outcome.UNKNOWN
        line = reason = wording.ungrouped_line(report, subject)
        group = needs = agrees = policy = None
    status = 409 if strict and outcome is Outcome.BY_OVERRIDE else _STATUS[outcome]
    body: dict[str, Json] = {
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
