"""What holds between any two states of a host."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.support.states import states
from vfioguard.change import Change, Direction, Kind
from vfioguard.change.compare import NO_GROUP, changes
from vfioguard.change.match import match
from vfioguard.change.state import GroupState, State

_OPPOSITE = {
    Kind.GROUP_APPEARED: Kind.GROUP_VANISHED,
    Kind.GROUP_VANISHED: Kind.GROUP_APPEARED,
    Kind.FINDING_APPEARED: Kind.FINDING_CLEARED,
    Kind.FINDING_CLEARED: Kind.FINDING_APPEARED,
}


def grouped(state: State) -> dict[str, int]:
    return {member.name: group.id for group in state.groups for member in group.members}


def of_kind(found: tuple[Change, ...], *kinds: Kind) -> list[Change]:
    return [change for change in found if change.kind in kinds]


@given(states())
def test_nothing_changes_between_a_state_and_itself(state: State) -> None:
    assert changes(state, state) == ()
    assert changes(state, state._replace(at="later", groups=(*state.groups,))) == ()


@given(states(), states())
def test_going_back_undoes_every_change_and_no_other(one: State, other: State) -> None:
    forth = Counter(
        (_OPPOSITE.get(change.kind, change.kind), change.after, change.before)
        for change in changes(one, other)
    )
    back = Counter((change.kind, change.before, change.after) for change in changes(other, one))
    assert forth == back


@given(states(), states())
def test_what_is_worse_forth_is_better_back(one: State, other: State) -> None:
    forth = Counter(change.direction for change in of_kind(changes(one, other), Kind.OUTCOME))
    back = Counter(change.direction for change in of_kind(changes(other, one), Kind.OUTCOME))
    assert forth[Direction.WORSE] == back[Direction.BETTER]
    assert forth[Direction.BETTER] == back[Direction.WORSE]


@given(states(), states())
def test_each_group_is_matched_or_gone_or_new_exactly_once(one: State, other: State) -> None:
    found = match(one.groups, other.groups)
    before = [then.id for then, _ in found.pairs] + [group.id for group in found.gone]
    after = [now.id for _, now in found.pairs] + [group.id for group in found.new]
    assert sorted(before) == [group.id for group in one.groups]
    assert sorted(after) == [group.id for group in other.groups]


@given(states(), states())
def test_the_changes_lead_every_device_from_where_it_was_to_where_it_is(
    one: State, other: State
) -> None:
    found = changes(one, other)
    numbers = {change.before: change.after for change in of_kind(found, Kind.RENUMBERED)}
    gone = {change.group for change in of_kind(found, Kind.GROUP_VANISHED)}
    where = {
        name: numbers.get(number, number)
        for name, number in grouped(one).items()
        if number not in gone
    }
    for change in of_kind(found, Kind.MEMBERSHIP):
        for name in change.before:  # type: ignore[union-attr]
            assert where.pop(name) == change.group, "left where it was not"
    came = Counter(
        (name, change.group)
        for change in of_kind(found, Kind.MEMBERSHIP)
        for name in change.after  # type: ignore[union-attr]
    )
    came += Counter(
        (member.name, change.group)
        for change in of_kind(found, Kind.GROUP_APPEARED)
        for member in change.devices
    )
    for (name, number), times in came.items():
        assert times == 1
        assert name not in where, "joined twice"
        where[name] = number
    assert where == grouped(other)


@given(states(), states())
def test_the_changes_tell_of_every_device_without_a_group(one: State, other: State) -> None:
    alone = {member.name for member in one.ungrouped}
    for change in of_kind(changes(one, other), Kind.UNGROUPED):
        if change.after == NO_GROUP:
            assert change.subject not in alone
            alone.add(change.subject)
        else:
            alone.remove(change.subject)
    assert alone == {member.name for member in other.ungrouped}


@given(states(), st.permutations(range(6)))
def test_other_numbers_alone_are_nothing_but_other_numbers(
    state: State, numbers: list[int]
) -> None:
    full = state._replace(groups=tuple(group for group in state.groups if group.members))
    again = full._replace(
        groups=tuple(group._replace(id=numbers[group.id]) for group in full.groups)
    )
    found = changes(full, again)
    assert {change.kind for change in found} <= {Kind.RENUMBERED}
    moved = {group.id for group in full.groups if numbers[group.id] != group.id}
    assert {change.before for change in found} == moved


@given(states(), states())
def test_the_outcome_of_each_group_follows_from_the_changes(one: State, other: State) -> None:
    found = changes(one, other)
    numbers = {change.before: change.after for change in of_kind(found, Kind.RENUMBERED)}
    gone = {change.group for change in of_kind(found, Kind.GROUP_VANISHED)}
    outcomes: dict[object, object] = {
        numbers.get(group.id, group.id): group.outcome
        for group in one.groups
        if group.id not in gone
    }
    for change in of_kind(found, Kind.OUTCOME):
        assert outcomes[change.group] == change.before
    for change in of_kind(found, Kind.OUTCOME, Kind.GROUP_APPEARED):
        outcomes[change.group] = change.after
    assert outcomes == {group.id: group.outcome for group in other.groups}


@given(states(), states())
def test_worse_comes_first(one: State, other: State) -> None:
    rank = list(Direction)
    found = [rank.index(change.direction) for change in changes(one, other)]
    assert found == sorted(found)


@given(states(), states(), st.data())
def test_groups_that_are_the_same_object_are_no_other_answer(
    one: State, other: State, data: st.DataObject
) -> None:
    """The daemon shares what did not change; a copy of it must give the same changes."""
    keep = data.draw(st.sets(st.sampled_from([group.id for group in one.groups] or [0])))
    kept = [group for group in one.groups if group.id in keep]
    names = {member.name for group in kept for member in group.members}
    fresh = [
        group._replace(members=tuple(m for m in group.members if m.name not in names))
        for group in other.groups
        if group.id not in keep
    ]
    sharing = other._replace(groups=(*kept, *fresh))
    copies = tuple(GroupState(*group) for group in sharing.groups)
    assert changes(one, sharing) == changes(one, sharing._replace(groups=copies))
