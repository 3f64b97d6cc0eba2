"""What each change says, and where a group goes that splits, merges or loses its number."""

from __future__ import annotations

from tests.support.states import group, state
from vfioguard.change import Change, Direction, Kind
from vfioguard.change.compare import changes
from vfioguard.change.state import FindingState, MemberState, State, carried
from vfioguard.verdict import Outcome

A, B, C = (f"0000:0{number}:00.0" for number in range(3))
SWITCH = "vfio_iommu_type1.allow_unsafe_interrupts"


def told(before: State, after: State) -> list[tuple[str, str, object, object]]:
    return [(c.kind.value, c.subject, c.before, c.after) for c in changes(before, after)]


def only(before: State, after: State) -> Change:
    (change,) = changes(before, after)
    return change


def test_a_number_that_another_group_got_is_no_change_of_members() -> None:
    found = told(state({0: [A], 1: [B]}), state({0: [B], 1: [A]}))
    assert found == [("renumbered", "group:0", 1, 0), ("renumbered", "group:1", 0, 1)]


def test_a_number_reused_by_strangers_is_one_group_gone_and_one_new() -> None:
    found = told(state({5: [A]}), state({5: [B]}))
    assert found == [
        ("group_appeared", "group:5", None, "allowed"),
        ("group_vanished", "group:5", "allowed", None),
    ]


def test_members_tell_only_who_left_and_who_joined() -> None:
    change = only(state({3: [A, B]}), state({3: [B, C]}))
    assert (change.kind, change.before, change.after) == (Kind.MEMBERSHIP, (A,), (C,))
    assert [member.name for member in change.devices] == [B, C]


def test_a_group_that_splits_lives_on_in_its_larger_part() -> None:
    found = told(state({0: [A, B, C]}), state({0: [A], 7: [B, C]}))
    assert found == [
        ("group_appeared", "group:0", None, "allowed"),
        ("membership", "group:7", (A,), ()),
        ("renumbered", "group:7", 0, 7),
    ]


def test_of_two_equal_parts_the_one_with_the_number_is_the_group() -> None:
    found = told(state({4: [A, B]}), state({2: [A], 4: [B]}))
    assert found == [
        ("group_appeared", "group:2", None, "allowed"),
        ("membership", "group:4", (A,), ()),
    ]


def test_groups_that_merge_are_one_gone_and_one_with_more_members() -> None:
    found = told(state({0: [A, B], 1: [C]}), state({1: [A, B, C]}))
    assert found == [
        ("group_vanished", "group:1", "allowed", None),
        ("membership", "group:1", (), (C,)),
        ("renumbered", "group:1", 0, 1),
    ]


def test_a_group_whose_last_member_left_is_the_same_group_by_its_number() -> None:
    assert told(state({0: [A]}), state({0: []})) == [("membership", "group:0", (A,), ())]


def test_the_same_name_on_two_buses_is_two_devices() -> None:
    here = group(0, ["x"])
    there = here._replace(members=(here.members[0]._replace(bus="platform"),))
    found = told(state([here]), state([there]))
    assert [kind for kind, *_ in found] == ["group_appeared", "group_vanished"]


def test_a_driver_is_followed_into_another_group() -> None:
    bound = group(1, [B, A])
    moved = tuple(m._replace(driver="vfio-pci" if m.name == A else m.driver) for m in bound.members)
    found = told(state({0: [A], 1: [B]}), state([bound._replace(members=moved)]))
    assert ("driver", A, "e1000e", "vfio-pci") in found


def test_the_switch_that_decided_is_the_cause() -> None:
    before = state([group(0, [A], Outcome.REFUSED)])
    after = state([group(0, [A], Outcome.BY_OVERRIDE)], overrides=((SWITCH, True),))
    override, outcome = changes(before, after)
    assert (override.kind, override.direction) == (Kind.OVERRIDE, Direction.WORSE)
    assert (outcome.kind, outcome.cause) == (Kind.OUTCOME, SWITCH)
    assert outcome.direction is Direction.BETTER


def test_an_override_is_no_cause_of_what_it_cannot_decide() -> None:
    refused = group(0, [A], Outcome.REFUSED)
    after = state([refused], overrides=((SWITCH, True),))
    outcome = next(c for c in changes(state({0: [A]}), after) if c.kind is Kind.OUTCOME)
    assert outcome.cause == refused.reason


def test_lost_remapping_is_dated_by_the_kernel_that_lost_it() -> None:
    refused = [group(0, [A], Outcome.REFUSED)]
    after = state(refused, boot_id="b2", kernel="6.13.0", remapping=False)
    found = {change.kind: change for change in changes(state({0: [A]}), after)}
    assert set(found) == {Kind.BOOT, Kind.KERNEL, Kind.REMAPPING, Kind.OUTCOME}
    assert found[Kind.REMAPPING].cause == "since kernel 6.13.0"
    assert found[Kind.REMAPPING].direction is Direction.WORSE
    assert found[Kind.OUTCOME].cause == "interrupt remapping"


def test_findings_appear_and_are_cleared_by_what_they_say() -> None:
    one, other = FindingState("f", "warning", "one"), FindingState("f", "warning", "other")
    found = told(state(findings=(one,)), state(findings=(other,)))
    assert found == [
        ("finding_appeared", "f", None, "other"),
        ("finding_cleared", "f", "one", None),
    ]


def test_a_device_without_a_group_is_told_where_it_was() -> None:
    alone = (MemberState("pci", A, None, None),)
    grouped, after = state({0: [A, B]}), state({0: [B]}, ungrouped=alone)
    assert ("ungrouped", A, "group:0", "no group") in told(grouped, after)
    assert ("ungrouped", A, "no group", None) in told(state(ungrouped=alone), state())


def test_groups_that_cannot_be_read_have_not_vanished() -> None:
    before = state({0: [A], 1: [B]})
    blind = carried(before, state(groups_read=False))
    assert told(before, blind) == [("evidence", "host", True, False)]
    assert told(blind, state({0: [A]})) == [
        ("group_vanished", "group:1", "allowed", None),
        ("evidence", "host", False, True),
    ]


def test_two_states_that_know_no_groups_compare_none() -> None:
    assert told(state(groups_read=False), state({0: [A]})) == [("evidence", "host", False, True)]


def test_an_unknown_boot_is_not_another_boot() -> None:
    assert told(state(boot_id=None), state()) == []
