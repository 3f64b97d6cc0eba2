"""What is different between two states of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vfioguard import unchanged
from vfioguard.change import Change, Direction, Kind
from vfioguard.change.match import match
from vfioguard.change.state import FindingState, GroupState, Key, MemberState, State

HOST = "host"
#: Where a device is that no group holds.
NO_GROUP = "no group"

_KINDS = {kind: rank for rank, kind in enumerate(Kind)}
_DIRECTIONS = {direction: rank for rank, direction in enumerate(Direction)}


def changes(before: State, after: State) -> tuple[Change, ...]:
    """Every difference once, the worst first; none between a state and itself.

    Groups are compared only where both states know them.
    """
    host = tuple(_of_host(before, after))
    found = [*host, *_findings(before, after)]
    if after.groups_read and (before.groups_read or before.groups):
        found += _groups(before, after, host)
    return tuple(sorted(found, key=_order))


def _order(change: Change) -> tuple[int, int, int, str]:
    subject = change.subject  # "group:9" before "group:10"
    return _DIRECTIONS[change.direction], _KINDS[change.kind], len(subject), subject


def _of_host(before: State, after: State) -> Iterator[Change]:
    at = after.at
    since: str | None = None
    if before.boot_id and after.boot_id and before.boot_id != after.boot_id:
        since = "since the reboot"
        yield Change(
            kind=Kind.BOOT,
            subject=HOST,
            before=before.boot_id,
            after=after.boot_id,
            cause=None,
            at=at,
        )
    if before.kernel != after.kernel:
        since = f"since kernel {after.kernel or 'unknown'}"
        yield Change(
            kind=Kind.KERNEL,
            subject=HOST,
            before=before.kernel,
            after=after.kernel,
            cause=None,
            at=at,
        )
    if before.policies != after.policies:
        yield Change(
            kind=Kind.POLICY,
            subject=HOST,
            before=before.policies,
            after=after.policies,
            cause=since,
            at=at,
        )
    if before.remapping is not after.remapping:
        yield Change(
            kind=Kind.REMAPPING,
            subject=HOST,
            before=before.remapping,
            after=after.remapping,
            cause=since,
            at=at,
        )
    if before.groups_read is not after.groups_read:
        yield Change(
            kind=Kind.EVIDENCE,
            subject=HOST,
            before=before.groups_read,
            after=after.groups_read,
            cause=None,
            at=at,
        )
    then, now = dict(before.overrides), dict(after.overrides)
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) is not now.get(name):
            yield Change(
                kind=Kind.OVERRIDE,
                subject=name,
                before=then.get(name),
                after=now.get(name),
                cause=None,
                at=at,
            )


def _findings(before: State, after: State) -> Iterator[Change]:
    for found in _only(after.findings, before.findings):
        yield Change(
            kind=Kind.FINDING_APPEARED,
            subject=found.name,
            before=None,
            after=found.summary,
            cause=None,
            at=after.at,
        )
    for found in _only(before.findings, after.findings):
        yield Change(
            kind=Kind.FINDING_CLEARED,
            subject=found.name,
            before=found.summary,
            after=None,
            cause=None,
            at=after.at,
        )


def _only(these: Iterable[FindingState], not_those: Iterable[FindingState]) -> list[FindingState]:
    known = {(found.name, found.summary) for found in not_those}
    return [found for found in dict.fromkeys(these) if (found.name, found.summary) not in known]


class _Where(NamedTuple):
    """A device, and the number of its group, None where it is in none."""

    member: MemberState
    group: int | None


def _groups(before: State, after: State, host: tuple[Change, ...]) -> Iterator[Change]:
    at = after.at
    old, new = _differing(before.groups, after.groups)
    found = match(old, new)
    for group in found.new:
        subject = f"group:{group.id}"
        yield Change(
            kind=Kind.GROUP_APPEARED,
            subject=subject,
            before=None,
            after=group.outcome,
            cause=None,
            at=at,
            group=group.id,
            devices=group.members,
        )
    for group in found.gone:
        subject = f"group:{group.id}"
        yield Change(
            kind=Kind.GROUP_VANISHED,
            subject=subject,
            before=group.outcome,
            after=None,
            cause=None,
            at=at,
            group=group.id,
            devices=group.members,
        )
    for then, now in found.pairs:
        yield from _pair(then, now, host, at)
    if before.ungrouped == after.ungrouped:
        left, right = _places(old, ()), _places(new, ())
    else:
        left, right = _places(old, before.ungrouped), _places(new, after.ungrouped)
    yield from _devices(left, right, at)


def _differing(
    before: Sequence[GroupState], after: Sequence[GroupState]
) -> tuple[list[GroupState], list[GroupState]]:
    """Without the groups of which nothing changed: of 16,384 those are nearly all."""
    differ = unchanged.differing(before, after)
    if differ is not None:
        before, after = [before[at] for at in differ], [after[at] for at in differ]
    then = {group.id: group for group in before}
    new: list[GroupState] = []
    for group in after:
        if then.get(group.id) == group:
            del then[group.id]
        else:
            new.append(group)
    return list(then.values()), new


def _pair(then: GroupState, now: GroupState, host: tuple[Change, ...], at: str) -> Iterator[Change]:
    subject = f"group:{now.id}"
    if then.id != now.id:
        yield Change(
            kind=Kind.RENUMBERED,
            subject=subject,
            before=then.id,
            after=now.id,
            cause=None,
            at=at,
            group=now.id,
            devices=now.members,
        )
    was, now_is = _keys(then), _keys(now)
    left = tuple(member.name for member in then.members if member.key not in now_is)
    joined = tuple(member.name for member in now.members if member.key not in was)
    if left or joined:
        yield Change(
            kind=Kind.MEMBERSHIP,
            subject=subject,
            before=left,
            after=joined,
            cause=None,
            at=at,
            group=now.id,
            devices=now.members,
        )
    if then.outcome is not now.outcome:
        cause = _cause(then, now, host, membership=bool(left or joined))
        yield Change(
            kind=Kind.OUTCOME,
            subject=subject,
            before=then.outcome,
            after=now.outcome,
            cause=cause,
            at=at,
            group=now.id,
            devices=now.members,
        )


def _keys(group: GroupState) -> set[Key]:
    return {member.key for member in group.members}


def _cause(
    then: GroupState, now: GroupState, host: tuple[Change, ...], *, membership: bool
) -> str | None:
    """What changed with it and can have decided it; else why the verdict is what it is."""
    if then.needs_override is not now.needs_override:
        kinds = {Kind.POLICY: "another predicate", Kind.REMAPPING: "interrupt remapping"}
        parts = [kinds[change.kind] for change in host if change.kind in kinds]
        parts += ["other members"] if membership else []
    else:
        parts = [change.subject for change in host if change.kind is Kind.OVERRIDE]
        parts += ["another predicate"] if then.policy != now.policy else []
    if parts:
        return ", ".join(parts)
    return now.reason or None


def _places(groups: Iterable[GroupState], ungrouped: Iterable[MemberState]) -> dict[Key, _Where]:
    found = {m.key: _Where(m, None) for m in ungrouped}
    for group in groups:
        for member in group.members:
            found[member.key] = _Where(member, group.id)
    return found


def _devices(before: dict[Key, _Where], after: dict[Key, _Where], at: str) -> Iterator[Change]:
    """Drivers, and devices that no group holds; `before` and `after` lack what is the same."""
    for key in sorted(before.keys() | after.keys()):
        then, now = before.get(key), after.get(key)
        seen = now or then
        assert seen is not None, "the key is from one of them"
        name, devices = seen.member.name, (seen.member,)
        if then and now and then.member.driver != now.member.driver:
            drivers = then.member.driver, now.member.driver
            yield Change(Kind.DRIVER, name, *drivers, None, at, now.group, devices)
        was, is_now = _place(then), _place(now)
        if was != is_now and NO_GROUP in {was, is_now}:
            yield Change(
                kind=Kind.UNGROUPED,
                subject=name,
                before=was,
                after=is_now,
                cause=None,
                at=at,
                group=seen.group,
                devices=devices,
            )


def _place(where: _Where | None) -> str | None:
    if where is None:
        return None
    return NO_GROUP if where.group is None else f"group:{where.group}"
