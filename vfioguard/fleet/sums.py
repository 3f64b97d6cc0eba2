"""The sums over the hosts of a fleet, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vfioguard.fleet.of_host import FleetHost, HostCause
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Outcome, severity

#: Above every outcome but refused and unknown: nothing of such a host can be handed to a guest.
_NO_GROUP = severity(Outcome.UNKNOWN) - 0.5
#: What the severities of findings are worth.
_FINDINGS = {"critical": 1, "warning": 0}


class NotJudged(NamedTuple):
    """A host that could not be read, and why, in one line."""

    path: str
    why: str


class CauseSum(NamedTuple):
    """A cause, and the hosts that have it.

    `outcome` is that of the groups' interrupts, None if the hosts have no group. `paths` are the
    hosts, those with the most groups first. `sentence` and `change` are those of the first of them.
    """

    name: str
    outcome: Outcome | None
    groups: int
    bound: int
    paths: tuple[str, ...]
    sentence: str
    change: tuple[str, ...]


class FindingSum(NamedTuple):
    """A finding, and the hosts that have it."""

    name: str
    severity: str
    paths: tuple[str, ...]


class Fleet(NamedTuple):
    """All hosts.

    `groups` and `hosts` count by outcome. A host counts by its worst, which is None of no group.
    """

    judged: tuple[FleetHost, ...]
    not_judged: tuple[NotJudged, ...]
    groups: tuple[tuple[Outcome, int], ...]
    hosts: tuple[tuple[Outcome | None, int], ...]
    kernels: tuple[tuple[str | None, int], ...]
    causes: tuple[CauseSum, ...]
    findings: tuple[FindingSum, ...]


def rank(outcome: Outcome | None) -> float:
    """How bad an outcome is for a host: the worst has the highest."""
    return _NO_GROUP if outcome is None else severity(outcome)


def fleet_of(judged: Iterable[FleetHost], not_judged: Iterable[NotJudged]) -> Fleet:
    """Sum up the hosts. Their order does not matter."""
    hosts = tuple(sorted(judged, key=lambda host: (-rank(host.worst), host.path)))
    groups: Counter[Outcome] = Counter()
    for host in hosts:
        groups.update(dict(host.groups))
    worst = Counter(host.worst for host in hosts)
    kernels = Counter(host.kernel for host in hosts)
    return Fleet(
        judged=hosts,
        not_judged=tuple(sorted(not_judged)),
        groups=tuple((outcome, groups[outcome]) for outcome in reversed(Outcome)),
        hosts=tuple(sorted(worst.items(), key=lambda row: -rank(row[0]))),
        kernels=tuple(sorted(kernels.items(), key=lambda row: (-row[1], row[0] or ""))),
        causes=_causes(hosts),
        findings=_findings(hosts),
    )


def _causes(hosts: Iterable[FleetHost]) -> tuple[CauseSum, ...]:
    """The causes by outcome, the worst first, then those of the most hosts, then of most groups."""
    by_kind: dict[tuple[str, Outcome | None], list[tuple[HostCause, str]]] = {}
    for host in hosts:
        for cause in host.causes:
            by_kind.setdefault((cause.name, cause.outcome), []).append((cause, host.path))
    sums: list[CauseSum] = []
    for (name, outcome), rows in by_kind.items():
        rows.sort(key=lambda row: (-row[0].groups, row[1]))
        first = rows[0][0]
        sums.append(
            CauseSum(
                name=name,
                outcome=outcome,
                groups=sum(cause.groups for cause, _ in rows),
                bound=sum(cause.bound for cause, _ in rows),
                paths=tuple(path for _, path in rows),
                sentence=first.sentence,
                change=first.change,
            )
        )
    sums.sort(key=lambda row: (-rank(row.outcome), -len(row.paths), -row.groups, row.name))
    return tuple(sums)


def _findings(hosts: Iterable[FleetHost]) -> tuple[FindingSum, ...]:
    by_kind: dict[tuple[str, str], list[str]] = {}
    for host in hosts:
        for kind in host.findings:
            by_kind.setdefault(kind, []).append(host.path)
    sums = [FindingSum(name, grade, tuple(paths)) for (name, grade), paths in by_kind.items()]
    sums.sort(key=lambda row: (-_FINDINGS.get(row.severity, 0), -len(row.paths), row.name))
    return tuple(sums)
