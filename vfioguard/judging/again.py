"""Judging a host again: a group keeps its verdict if nothing that it rests on changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.judging import host_part, unread
from vfioguard.judging.evaluate import Judged, assemble, find, find_in_groups
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.judging.policies import policies
from vfioguard.judging.reuse import Reuse
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport
from vfioguard.snapshot import Snapshot
from vfioguard.typed import cast
from vfioguard.unchanged import keep

#: Groups that are judged before the answers on single devices are dropped, to bound memory.
AT_ONCE = 256


def judge_again(before: Judged, snapshot: Snapshot, generated_at: str) -> Judged:
    """Judge the host at a later moment, with the policy and backend that `before` had chosen.

    A group whose verdict cannot differ keeps its report, the very object of `before`.
    """
    chosen = before.report.host.chosen
    reuse = Reuse(before.snapshot.members, before.report.groups, snapshot)
    host = _later(before.host, snapshot, reuse.changed())
    part = host_part.of_later(host, policies(), chosen, before.part)
    verdicts = GroupVerdicts(host, policies(), part)
    if part is before.part:
        places: Iterable[int] = {*reuse.differ, *_elsewhere(before.host, host, reuse.groups)}
    else:
        places = range(len(reuse.groups))
    groups = _groups(verdicts, reuse, places)
    gaps = reuse.gaps(before.gaps)
    unknown = unread.of_all(part.gaps, snapshot, gaps)
    own = before.findings
    if part is not before.part or unknown != before.report.gaps:
        own = find(host, unknown)
    findings = (*own, *find_in_groups(host, groups))
    report = assemble(generated_at, verdicts, groups, findings, unknown)
    return Judged(report=report, host=host, part=part, gaps=gaps, findings=own)


def disagreements(judged: Judged) -> int:
    """Count the groups whose followed verdict differs from one computed from scratch.

    Anything but 0 is a bug.
    """
    host = Host(judged.snapshot)
    part = host_part.of(host, policies(), judged.report.host.chosen)
    verdicts = GroupVerdicts(host, policies(), part)
    wrong = 0
    pairs = zip(judged.snapshot.members, judged.report.groups, strict=True)
    for place, (members, report) in enumerate(pairs):
        wrong += verdicts.group(members) != report
        if place % AT_ONCE == 0:  # else a second set of all answers would be held meanwhile
            host.forget()
    return wrong


def _later(
    before: Host, snapshot: Snapshot, changed: Iterable[tuple[Device, Device]] | None
) -> Host:
    """The host at a later moment. It keeps the witnesses of the machine if they still hold.

    `changed` are the devices as they were and as they are, or None if devices came, went or moved.
    """
    if before.snapshot.iommus is not snapshot.iommus:
        return Host(snapshot)
    witnesses = before.witnesses
    holds = before.snapshot.devices is snapshot.devices and changed is not None
    for old, new in changed or ():
        holds = holds and before.finder.still(witnesses, old, new)
    return Host(snapshot, before.finder, witnesses if holds else None)


def _elsewhere(before: Host, now: Host, groups: Sequence[Members]) -> Iterator[int]:
    """The places of groups that have a device which another unit of the IOMMU manages now."""
    if before.snapshot.iommus is now.snapshot.iommus:
        return
    old, new = _managers(before.snapshot), _managers(now.snapshot)
    for place, members in enumerate(groups):
        if any(old.get(device.name) != new.get(device.name) for device in members.devices):
            yield place


def _managers(snapshot: Snapshot) -> dict[str, str]:
    """Device -> the unit that manages it: what remaps its interrupts, or keeps caches coherent."""
    return {
        name: unit.name
        for unit in (snapshot.iommus.value if isinstance(snapshot.iommus, Fact) else ())
        for name in (unit.devices.value if isinstance(unit.devices, Fact) else ())
    }


def _groups(
    verdicts: GroupVerdicts, reuse: Reuse, places: Iterable[int]
) -> tuple[GroupReport, ...]:
    """The reports on all groups. Those at `places` are made, the others are used again.

    `places` includes every group that differs.
    """
    reports = reuse.reports()
    for place in places:
        reports[place] = keep(verdicts.group(reuse.groups[place]), reports[place])
    return tuple(cast("list[GroupReport]", reports))
