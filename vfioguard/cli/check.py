"""`vfioguard check`: may these be attached? One line each, for scripts."""

from __future__ import annotations

import argparse

from vfioguard import wording
from vfioguard.cli import host
from vfioguard.report import GroupReport
from vfioguard.verdict import Outcome, exit_code, severity


def run(options: argparse.Namespace) -> int:
    """Print a line for each target; the status is that of the worst."""
    report = host.read_report(options, findings=False)
    outcomes: list[Outcome] = []
    for target, found in [(target, host.find(report, target)) for target in options.target]:
        if isinstance(found, GroupReport):
            outcomes.append(found.outcome)
            print(wording.verdict_line(target, found))
        else:
            outcomes.append(Outcome.UNKNOWN)
            print(wording.ungrouped_line(report, found))
    return exit_code(max(outcomes, key=severity))
