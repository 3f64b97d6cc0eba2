"""`vfioguard check`: may these be attached? One line each, for scripts."""

from __future__ import annotations

import argparse

from vfioguard import wording
from vfioguard.cli import host
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome, exit_code, severity


def run(options: argparse.Namespace) -> int:
    """Print a line for each target; the status is that of the worst."""
    report = host.read_report(options)
    outcomes: list[Outcome] = []
    for target, found in [(target, host.find(report, target)) for target in options.target]:
        if isinstance(found, GroupReport):
            outcomes.append(found.outcome)
            print(_line(target, found))
        else:
            outcomes.append(Outcome.UNKNOWN)
            print(f"{Outcome.UNKNOWN} {found.name} {_no_group(report)}")
    return exit_code(max(outcomes, key=severity))


def _line(target: str, group: GroupReport) -> str:
    name = target if target.startswith("group:") else f"{target} group:{group.id}"
    line = f"{group.outcome} {name} by {group.headline.policy}"
    if group.outcome is not Outcome.ALLOWED:
        line += f"; {wording.reason(group)}"
    if group.agrees is False:
        line += f" [the 2016 series: {group.series.outcome}]"
    return line


def _no_group(report: Report) -> str:
    if report.groups:
        return "is in no IOMMU group: VFIO cannot bind it"
    return wording.no_groups(report)
