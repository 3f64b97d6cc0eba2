"""From a Snapshot to the Report: every policy applied to every group."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vfioguard import leaves
from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.judging import host_part, unread
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.judging.host_part import HostPart
from vfioguard.judging.policies import policies, policy
from vfioguard.report import FindingReport, GroupReport, Report, UngroupedDevice
from vfioguard.snapshot import Snapshot

if TYPE_CHECKING:
    from vfioguard.finding import Finding


class Judged(NamedTuple):
    """A Report, the host that it is about, and what every group's verdict rests on.

    `gaps` are those of the groups that have any, by number.
    """

    report: Report
    host: Host
    part: HostPart
    gaps: Mapping[int, tuple[Gap, ...]]

    @property
    def snapshot(self) -> Snapshot:
        """What was judged."""
        return self.host.snapshot


def evaluate(
    snapshot: Snapshot, generated_at: str, pinned: str | None = None, *, findings: bool = True
) -> Report:
    """Apply all policies; `pinned` makes one of them the headline. Raises `UnknownPolicy`.

    Without `findings` the Report has none: a face that shows none need not look for them.
    """
    return judge(snapshot, generated_at, pinned, findings=findings).report


def judge(
    snapshot: Snapshot, generated_at: str, pinned: str | None = None, *, findings: bool = True
) -> Judged:
    """The Report as `evaluate()` makes it, with what a later one can build on (again.py)."""
    if pinned is not None:
        policy(pinned)
    host = Host(snapshot)
    part = host_part.of(host, policies(), pinned)
    verdicts = GroupVerdicts(host, policies(), part)
    groups = tuple([verdicts.group(members) for members in snapshot.members])
    gaps = unread.of_each(snapshot.members)
    unknown = unread.of_all(part.gaps, snapshot, gaps)
    found = tuple(find(host, unknown)) if findings else ()
    report = assemble(generated_at, verdicts, groups, found, unknown)
    return Judged(report=report, host=host, part=part, gaps=gaps)


def find(host: Host, gaps: tuple[Gap, ...]) -> Iterator[FindingReport]:
    """What every finding says of the host; `gaps` are all that could not be read."""
    for kind in _findings():
        for found in kind.find(host, gaps):
            yield FindingReport(
                name=kind.name, severity=kind.severity, summary=found.summary, because=found.because
            )


@cache
def _findings() -> "tuple[Finding, ...]":
    from vfioguard.finding import Finding  # `check` shows none

    return leaves.all_of("vfioguard.finding", "FINDING", Finding)


def assemble(
    generated_at: str,
    verdicts: GroupVerdicts,
    groups: tuple[GroupReport, ...],
    findings: tuple[FindingReport, ...],
    gaps: tuple[Gap, ...],
) -> Report:
    """The Report of its parts. The host then forgets its answers: the Report has them."""
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
    )
    host.forget()
    return report


def _ungrouped(verdicts: GroupVerdicts) -> tuple[UngroupedDevice, ...]:
    from vfioguard.judging.ungrouped import ungrouped  # most hosts have no such device

    return tuple(ungrouped(verdicts))
