"""The finding that needs a memory of the previous boot: interrupt remapping was lost."""

from __future__ import annotations

from vfioguard.change.state import State
from vfioguard.fact import Fact
from vfioguard.logic import Answer, every
from vfioguard.report import FindingReport, Report, Step

NAME = "remapping_lost"


class History:
    """Compares with the previous boot. `previous` is its last state, kept in the file `source`."""

    def __init__(self, previous: State | None, source: str) -> None:
        # Without its groups, as a State of 16,384 groups holds 5 MB.
        self._previous = None if previous is None else previous._replace(groups=(), ungrouped=())
        self._source = source

    def add(self, report: Report) -> Report:
        """The report with the finding if remapping was lost; else the very same report."""
        previous, now = self._previous, report.host.remapping
        if previous is None or previous.remapping is not True:
            return report
        if now is None or now.truth is not False:
            return report
        lost = FindingReport(
            name=NAME,
            severity="warning",
            summary=_summary(previous, report),
            because=self._proof(now),
            change=(Step("See what switched it off", "vfioguard report"),),
        )
        return report._replace(findings=(*report.findings, lost))

    def _proof(self, now: Answer) -> Answer:
        was = Answer(
            "interrupt remapping was enabled in the previous boot",
            True,
            (Fact(True, b"remapping: true", self._source),),
        )
        return every("interrupt remapping was lost with this boot", (was, ~now))


def _summary(previous: State, report: Report) -> str:
    then, now = previous.kernel or "unknown", report.host.kernel or "unknown"
    if then == now:
        return f"interrupt remapping is off since this boot of {now}; it was on in the one before"
    return f"interrupt remapping is off since kernel {now}; it was on under {then}"
