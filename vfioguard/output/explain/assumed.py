"""The line above an answer that is of a host as somebody assumes it."""

from __future__ import annotations

from vfioguard.report import GroupReport, Report


def assumed_line(report: Report, group: GroupReport | None = None) -> list[str]:
    """What is assumed, and what it changes for `group`. Empty for the host as it is."""
    if not report.host.assumed:
        return []
    states = ", ".join(report.host.assumed)
    if group is None:
        return [f"What if {states}:"]
    today = [shift.before for shift in report.shifts if group.id in shift.groups]
    told = f"{today[0]} today, {group.outcome} then" if today else f"still {group.outcome}"
    return [f"What if {states}: group {group.id} is {told}."]
