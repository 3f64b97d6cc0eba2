"""What a fleet keeps of the Report on one of its hosts: few plain values, which pass processes."""

from __future__ import annotations

from collections import Counter

from vfioguard.report import Report
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Outcome, severity


class HostCause(NamedTuple):
    """Why groups of a host are refused, blocked or unknown.

    `outcome` is that of their interrupts; None if the host has no group. `bound` is how many of the
    `groups` have a member on a VFIO driver. `change` are the steps, `sentence` is why.
    """

    name: str
    outcome: Outcome | None
    groups: int
    bound: int
    sentence: str
    change: tuple[str, ...]


class FleetHost(NamedTuple):
    """A host of a fleet.

    `path` is where it was read. `groups` has how many groups have each outcome, those alone that a
    VFIO driver may take. `findings` are names and severities.
    """

    path: str
    kernel: str | None
    groups: tuple[tuple[Outcome, int], ...]
    causes: tuple[HostCause, ...]
    findings: tuple[tuple[str, str], ...]

    @property
    def worst(self) -> Outcome | None:
        """The worst outcome of a group. Returns None if the host has no group."""
        return max((outcome for outcome, _ in self.groups), key=severity, default=None)


def of_report(path: str, report: Report) -> FleetHost:
    """Keep of the Report on the host at `path` what a fleet counts."""
    numbers = Counter(group.outcome for group in report.attachable)
    return FleetHost(
        path=path,
        kernel=report.host.kernel,
        groups=tuple((outcome, numbers[outcome]) for outcome in Outcome if numbers[outcome]),
        causes=tuple(_causes(report)),
        findings=tuple(sorted({(each.name, each.severity) for each in report.findings})),
    )


def _causes(report: Report) -> list[HostCause]:
    by_id = {group.id: group for group in report.groups}
    causes: list[HostCause] = []
    for row in report.causes:
        groups = [by_id[number] for number in row.groups]
        counts: Counter[Outcome | None] = Counter(group.outcome for group in groups)
        for outcome, number in counts.items() if groups else ((None, 0),):
            cause = HostCause(
                name=row.cause.name,
                outcome=outcome,
                groups=number,
                bound=sum(group.on_vfio for group in groups if group.outcome is outcome),
                sentence=row.cause.sentence,
                change=tuple(step.do for step in row.cause.change),
            )
            causes.append(cause)
    return causes
