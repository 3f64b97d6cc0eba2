"""The differences between two states of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vfioguard import unchanged
from vfioguard.change import Change, Direction, Kind, Value
from vfioguard.change.match import match
from vfioguard.change.state import FindingState, GroupState, Key, MemberState, State
from vfioguard.typed import NamedTuple

HOST = "host"
#: The home of a device that is in no group.
NO_GROUP = "no group"

_KINDS = {kind: rank for rank, kind in enumerate(Kind)}
_DIRECTIONS = {direction: rank for rank, direction in enumerate(Direction)}


def changes(before: State, after: State) -> tuple[Change, ...]:
    """Return every difference once, the worst first; a state has none with itself.

    Groups are compared only if both states know them.
    """
    host = tuple(_of_host(before, after))
    differences = [*host, *_findings(before, after)]
    if after.groups_read and (before.groups_read or before.groups):
        differences += _groups(before, after, host)
    return tuple(sorted(differences, key=_order))


def _order(change: Change) -> tuple[int, int, int, str]:
    subject = change.subject  # "group:9" before "group:10"
    return _DIRECTIONS[change.direction], _KINDS[change.kind], len(subject), subject


def _of_host(before: State, after: State) -> Iterator[Change]:
    since: str | None = None

    def changed(kind: Kind, was: Value, now: Value, cause: str | None = None) -> Change:
        return Change(kind=kind, subject=HOST, before=was, after=now, at=after.at, cause=cause)

    if before.boot_id and after.boot_id and before.boot_id != after.boot_id:
        since = "since the reboot"
        yield changed(Kind.BOOT, before.boot_id, after.boot_id)
    if before.kernel != after.kernel:
        since = f"since kernel {after.kernel or 'unknown'}"
        yield changed(Kind.KERNEL, before.kernel, after.kernel)
    if before.policies != after.policies:
        yield changed(Kind.POLICY, before.policies, after.policies, since)
    if before.remapping is not after.remapping:
        yield changed(Kind.REMAPPING, before.remapping, after.remapping, since)
    if before.groups_read is not after.groups_read:
        yield changed(Kind.EVIDENCE, before.groups_read, after.groups_read)
    yield from _overrides(before, after)


def _overrides(before: State, after: State) -> Iterator[Change]:
    then, now = dict(before.overrides), dict(after.overrides)
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) is not now.get(name):
            yield Change(
                kind=Kind.OVERRIDE,
                subject=name,
                before=then.get(name),
                after=now.get(name),
                at=after.at,
            )


def _findings(before: State, after: State) -> Iterator[Change]:
    for finding in _only(after.findings, before.findings):
        yield Change(
            kind=Kind.FINDING_APPEARED,
            subject=finding.name,
            before=None,
            after=finding.summary,
            at=after.at,
        )
    for finding in _only(before.findings, after.findings):
        yield Change(
            kind=Kind.FINDING_CLEARED,
            subject=finding.name,
            before=finding.summary,
            after=None,
            at=after.at,
        )


def _only(findings: Iterable[FindingState], others: Iterable[FindingState]) -> list[FindingState]:
    known = {(finding.name, finding.summary) for finding in others}
    return [
        finding
        for finding in dict.fromkeys(findings)
        if (finding.name, finding.summary) not in known
    ]


class _Home(NamedTuple):
    """A device, and the number of its group, or None if it is in no group."""

    member: MemberState
    group: int | None


def _groups(before: State, after: State, host: tuple[Change, ...]) -> Iterator[Change]:
    moment = after.at
    old, new = _differing(before.groups, after.groups)
    matching = match(old, new)
    for group in matching.new:
        subject = f"group:{group.id}"
        yield Change(
            kind=Kind.GROUP_APPEARED,
            subject=subject,
            before=None,
            after=group.outcome,
            at=moment,
            group=group.id,
            devices=group.members,
        )
    for group in matching.gone:
        subject = f"group:{group.id}"
        yield Change(
            kind=Kind.GROUP_VANISHED,
            subject=subject,
            before=group.outcome,
            after=None,
            at=moment,
            group=group.id,
            devices=group.members,
        )
    for then, now in matching.pairs:
        yield from _pair(then, now, host, moment)
    if before.ungrouped == after.ungrouped:
        old_homes, new_homes = _homes(old, ()), _homes(new, ())
    else:
        old_homes, new_homes = _homes(old, before.ungrouped), _homes(new, after.ungrouped)
    yield from _devices(old_homes, new_homes, moment)


def _differing(
    before: Sequence[GroupState], after: Sequence[GroupState]
) -> tuple[list[GroupState], list[GroupState]]:
    """Both lists without the groups that are equal in both: nearly all of 16,384."""
    differ = unchanged.differing(before, after)
    if differ is not None:
        before, after = [before[index] for index in differ], [after[index] for index in differ]
    then = {group.id: group for group in before}
    new: list[GroupState] = []
    for group in after:
        if then.get(group.id) == group:
            del then[group.id]
        else:
            new.append(group)
    return list(then.values()), new


def _pair(
    then: GroupState, now: GroupState, host: tuple[Change, ...], moment: str
) -> Iterator[Change]:
    subject = f"group:{now.id}"
    if then.id != now.id:
        yield Change(
            kind=Kind.RENUMBERED,
            subject=subject,
            before=then.id,
            after=now.id,
            at=moment,
            group=now.id,
            devices=now.members,
        )
    old_keys, new_keys = _keys(then), _keys(now)
    left = tuple(member.name for member in then.members if member.key not in new_keys)
    joined = tuple(member.name for member in now.members if member.key not in old_keys)
    if left or joined:
        yield Change(
            kind=Kind.MEMBERSHIP,
            subject=subject,
            before=left,
            after=joined,
            at=moment,
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
            at=moment,
            group=now.id,
            devices=now.members,
        )


def _keys(group: GroupState) -> set[Key]:
    return {member.key for member in group.members}


def _cause(
    then: GroupState, now: GroupState, host: tuple[Change, ...], *, membership: bool
) -> str | None:
    """The changes that may have decided the new outcome, else the verdict's reason, else None."""
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


def _homes(groups: Iterable[GroupState], ungrouped: Iterable[MemberState]) -> dict[Key, _Home]:
    homes = {m.key: _Home(m, None) for m in ungrouped}
    for group in groups:
        for member in group.members:
            homes[member.key] = _Home(member, group.id)
    return homes


def _devices(before: dict[Key, _Home], after: dict[Key, _Home], moment: str) -> Iterator[Change]:
    """Changes of drivers, and of devices that no group holds or held.

    `before` and `after` hold only devices of groups that differ, and devices without a group.
    """
    for key in sorted(before.keys() | after.keys()):
        then, now = before.get(key), after.get(key)
        latest = now or then
        assert latest is not None, "the key is from one of them"
        name, devices = latest.member.name, (latest.member,)
        if then and now and then.member.driver != now.member.driver:
            yield Change(
                kind=Kind.DRIVER,
                subject=name,
                before=then.member.driver,
                after=now.member.driver,
                at=moment,
                group=now.group,
                devices=devices,
            )
        old_home, new_home = _home_name(then), _home_name(now)
        if old_home != new_home and NO_GROUP in {old_home, new_home}:
            yield Change(
                kind=Kind.UNGROUPED,
                subject=name,
                before=old_home,
                after=new_home,
                at=moment,
                group=latest.group,
                devices=devices,
            )


def _home_name(home: _Home | None) -> str | None:
    if home is None:
        return None
    return NO_GROUP if home.group is None else f"group:{home.group}"
