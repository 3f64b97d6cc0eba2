"""From a Snapshot to the Report: every policy applied to every group."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import NamedTuple, cast

from vfioguard import leaves, unread
from vfioguard.fact import Fact, Gap
from vfioguard.finding import Finding
from vfioguard.frame import Frame, frame
from vfioguard.inference.host import Host
from vfioguard.judges import Judges, by_policy
from vfioguard.kernel import iommu_class
from vfioguard.kernel.devices import Device
from vfioguard.kernel.earlier import keep
from vfioguard.policy import Policy
from vfioguard.report import FindingReport, GroupReport, Report, UngroupedDevice
from vfioguard.snapshot import Snapshot
from vfioguard.step import Step
from vfioguard.verdict import Outcome

_AT_ONCE = 256


class UnknownPolicy(ValueError):
    """A name that no policy has; the message lists those that exist."""


def policy_names() -> tuple[str, ...]:
    """What `--policy` takes, without importing a policy."""
    return leaves.names("vfioguard.policy")


class Judged(NamedTuple):
    """A Report, the host that it is about, and what every group's verdict rests on.

    `gaps` are those of groups, by number.
    """

    report: Report
    host: Host
    frame: Frame
    gaps: Mapping[int, tuple[Gap, ...]]

    @property
    def snapshot(self) -> Snapshot:
        """What was judged."""
        return self.host.snapshot


def evaluate(
    snapshot: Snapshot, generated_at: str, pinned: str | None = None, *, findings: bool = True
) -> Report:
    """Apply all policies; `pinned` makes one of them the headline. Raises `UnknownPolicy`.

    Without `findings` the Report has none: who does not show them need not look for them.
    """
    return judge_all(snapshot, generated_at, pinned, findings=findings).report


def judge_all(
    snapshot: Snapshot,
    generated_at: str,
    pinned: str | None = None,
    before: Judged | None = None,
    *,
    findings: bool = True,
) -> Judged:
    """The same; groups that did not change since `before` are its objects (kernel/earlier.py)."""
    policies = _policies()
    if pinned is not None:
        _policy(pinned)
    old = before.host.snapshot.members if before else ()
    step = Step(old, before.report.groups if before else (), snapshot)
    host = before.host.after(snapshot, step.changed()) if before else Host(snapshot)
    around = frame(host, policies, pinned, before.frame if before else None)
    judges = Judges(host, policies, around.carried, pinned)
    if before is None or around is not before.frame:
        again: Iterable[int] = range(len(step.groups))
    else:
        again = {*step.differ, *host.moved(before.host, step.groups)}
    groups = _groups(judges, step, again)
    gaps = step.gaps(before.gaps if before else {})
    unknown = tuple(unread.once(chain(around.gaps, unread.of_lists(snapshot), *gaps.values())))
    if before and around is before.frame and unknown == before.report.gaps:
        found = before.report.findings
    else:
        found = tuple(_findings(host, unknown)) if findings else ()
    alone = tuple(_ungrouped(host, judges))
    host.forget()
    report = Report(
        generated_at,
        around.host,
        around.overrides,
        groups,
        unread.of_groups(snapshot),
        alone,
        around.policies,
        found,
        unknown,
        around.firmware,
    )
    return Judged(report, host, around, gaps)


def under(judged: Judged, policy: str, groups: Iterable[GroupReport]) -> list[GroupReport]:
    """Groups of the Report with this policy's verdicts as their headlines, as pinning it does.

    Nothing else of a Report is another one where a policy is pinned. A verdict that the group has
    already is that very object. Several threads may ask at once. Raises `UnknownPolicy`.
    """
    host = judged.host.again()
    verdict = by_policy(host, _policy(policy))
    found: list[GroupReport] = []
    for group in groups:
        members = judged.snapshot.group(group.id)
        assert members is not None, "a Report has the groups of its Snapshot"
        new = verdict(members)
        leaves = (group.headline, group.series, *[one for _, one in group.backends])
        found.append(group._replace(headline=next((one for one in leaves if one == new), new)))
        if len(found) % _AT_ONCE == 0:
            host.forget()
    host.forget()
    return found


def disagreements(judged: Judged) -> int:
    """How many groups have another verdict than one that is made from nothing else. 0, or a bug."""
    host = Host(judged.snapshot)
    policies = _policies()
    pinned = judged.report.host.pinned
    judges = Judges(host, policies, frame(host, policies, pinned, None).carried, pinned)
    wrong = 0
    pairs = zip(judged.snapshot.members, judged.report.groups, strict=True)
    for number, (members, report) in enumerate(pairs):
        wrong += judges.group(members) != report
        if number % _AT_ONCE == 0:  # or a second set of all verdicts would be held meanwhile
            host.forget()
    return wrong


def _policy(name: str) -> Policy:
    policies = _policies()
    if name not in policies:
        raise UnknownPolicy(f"no policy {name!r}; there are {', '.join(sorted(policies))}")
    return policies[name]


@cache  # they are constants, and every event asks
def _policies() -> Mapping[str, Policy]:
    return {p.name: p for p in leaves.all_of("vfioguard.policy", "POLICY", Policy)}


def _groups(judges: Judges, step: Step, again: Iterable[int]) -> tuple[GroupReport, ...]:
    """The verdicts on all groups, made again only at these places: at least where they differ."""
    found = step.reports()
    for at in again:
        found[at] = keep(judges.group(step.groups[at]), found[at])
    return tuple(cast("list[GroupReport]", found))


def _findings(host: Host, gaps: tuple[Gap, ...]) -> Iterator[FindingReport]:
    for kind in _kinds():
        for found in kind.find(host, gaps):
            yield FindingReport(kind.name, kind.severity, found.summary, found.because)


@cache
def _kinds() -> tuple[Finding, ...]:
    return leaves.all_of("vfioguard.finding", "FINDING", Finding)


def _ungrouped(host: Host, judges: Judges) -> Iterator[UngroupedDevice]:
    alone = host.snapshot.devices
    if not alone:
        return
    plain = host.is_x86 and host.noiommu.truth is False and isinstance(host.snapshot.groups, Fact)
    if plain and not iommu_class.driven(host.snapshot.iommus, "virtio-iommu"):
        yield from map(_alone, alone)
        return
    from vfioguard.inference.without_group import reasons  # most hosts need it for none

    reason = reasons.reasons(host)
    for number, device in enumerate(alone, 1):
        why = reason(device)
        text = why.text
        if why.late:
            text += f"; alone in it, {_WOULD[judges.alone(device, -number)]}"
        yield _alone(device)._replace(binds=why.binds, reason=text, because=why.because)


_WOULD = {
    Outcome.ALLOWED: "it would be allowed",
    Outcome.BY_OVERRIDE: "it would be allowed by the override alone",
    Outcome.REFUSED: "it would be refused",
    Outcome.UNKNOWN: "its interrupts would decide, which are not known",
}


def _alone(device: Device) -> UngroupedDevice:
    found = device.uevent.value if isinstance(device.uevent, Fact) else None
    return UngroupedDevice(
        device.name, found.driver if found else None, found.pci_class if found else None
    )
