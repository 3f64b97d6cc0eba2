"""Evaluate a Snapshot: apply every policy to every group and assemble the Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from vfioguard import leaves
from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.judging import host_part, unread
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.judging.host_part import HostPart
from vfioguard.judging.policies import policies, policy
from vfioguard.report import (
    NOTHING_CHOSEN,
    CauseRow,
    Choice,
    FindingReport,
    GroupReport,
    Report,
    UngroupedDevice,
)
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vfioguard.finding import Finding, Found


class Judged(NamedTuple):
    """A Report, its host, and the `part` of the Report that is not about groups.

    `gaps` are the gaps of each group that has any, by the group's number. `findings` are those on
    the host itself.
    """

    report: Report
    host: Host
    part: HostPart
    gaps: Mapping[int, tuple[Gap, ...]]
    findings: tuple[FindingReport, ...] = ()

    @property
    def snapshot(self) -> Snapshot:
        """The Snapshot that was judged."""
        return self.host.snapshot


def evaluate(
    snapshot: Snapshot, generated_at: str, chosen: Choice = NOTHING_CHOSEN, *, findings: bool = True
) -> Report:
    """Apply all policies and return the Report.

    `chosen` is what the headlines are about. Without `findings` they are not looked for, and the
    Report has none. Raises UnknownPolicy.
    """
    return judge(snapshot, generated_at, chosen, findings=findings).report


def judge(
    snapshot: Snapshot, generated_at: str, chosen: Choice = NOTHING_CHOSEN, *, findings: bool = True
) -> Judged:
    """Evaluate as `evaluate` does. The result is what a later judging builds on (again.py)."""
    if chosen.policy is not None:
        policy(chosen.policy)
    host = Host(snapshot)
    part = host_part.of(host, policies(), chosen)
    verdicts = GroupVerdicts(host, policies(), part)
    groups = tuple([verdicts.group(members) for members in snapshot.judged])
    gaps = unread.of_each(snapshot.members)
    unknown = unread.of_all(part.gaps, snapshot, gaps)
    own = find(host, unknown) if findings else ()
    reports = (*own, *find_in_groups(host, groups)) if findings else ()
    report = assemble(generated_at, verdicts, groups, reports, unknown)
    return Judged(report=report, host=host, part=part, gaps=gaps, findings=own)


def find(host: Host, gaps: tuple[Gap, ...]) -> tuple[FindingReport, ...]:
    """The findings on the host itself. `gaps` are all gaps of its Snapshot."""
    return tuple(
        [
            _found(kind, each)
            for kind in _findings()
            if kind.find is not None
            for each in kind.find(host, gaps)
            if _is_told(kind, each)
        ]
    )


def find_in_groups(host: Host, groups: Sequence[GroupReport]) -> tuple[FindingReport, ...]:
    """The findings on the groups of the host."""
    return tuple(
        [
            _found(kind, each)
            for kind in _findings()
            if kind.find_in_groups is not None
            for each in kind.find_in_groups(host, groups)
            if _is_told(kind, each)
        ]
    )


def _is_told(kind: Finding, result: Found) -> bool:
    """Whether a finding is told: what is about facts alone is not, if one of them is assumed."""
    if not kind.of_facts:
        return True
    from vfioguard.assumption import is_assumed  # few hosts have such a finding

    return not is_assumed(result.because)


def _found(kind: Finding, result: Found) -> FindingReport:
    return FindingReport(
        name=kind.name,
        severity=kind.severity,
        summary=result.summary,
        because=result.because,
        change=result.change,
    )


@cache
def _findings() -> tuple[Finding, ...]:
    from vfioguard.finding import Finding  # `check` shows none

    return leaves.all_of("vfioguard.finding", "FINDING", Finding)


def assemble(
    generated_at: str,
    verdicts: GroupVerdicts,
    groups: tuple[GroupReport, ...],
    findings: tuple[FindingReport, ...],
    gaps: tuple[Gap, ...],
) -> Report:
    """Assemble the Report. The host then forgets its answers, because the Report has them."""
    host, part = verdicts.host, verdicts.part
    report = Report(
        generated_at=generated_at,
        host=part.host,
        overrides=part.overrides,
        groups=groups,
        groups_read=unread.of_groups(host.snapshot),
        ungrouped=_ungrouped(verdicts) if host.snapshot.devices else (),
        policies=part.policies,
        findings=findings,
        gaps=gaps,
        firmware=part.firmware,
        causes=_causes(host, groups),
    )
    host.forget()
    return report


def _causes(host: Host, groups: tuple[GroupReport, ...]) -> tuple[CauseRow, ...]:
    """The rows of causes. A host that refuses nothing loads none."""
    if groups and not any(group.causes for group in groups):
        return ()
    from vfioguard.judging.causes import rows

    return rows(host, groups)


def _ungrouped(verdicts: GroupVerdicts) -> tuple[UngroupedDevice, ...]:
    from vfioguard.judging.ungrouped import ungrouped  # most hosts have no such device

    return tuple(ungrouped(verdicts))
