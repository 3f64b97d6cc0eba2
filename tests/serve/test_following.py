"""What is served of a followed host is what a daemon that was just started would serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from hypothesis import given, settings

from tests.support.following import follow
from tests.support.living import Living, lives
from vfioguard.change.compare import changes
from vfioguard.change.state import Remembered, State, state_of
from vfioguard.judging.again import judge_again
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Memory
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.view import Told, View, one_device_json
from vfioguard.serve.host.holders import Holders


def reports(moments: list[Living]) -> Iterator[Report]:
    """That of each moment, followed from the one before."""
    judged = judge(take(Memory(moments[0].entries())), "now")
    yield judged.report
    for before, after in pairwise(moments):
        snapshot = follow(Memory(after.entries()), judged.snapshot, before, after)
        judged = judge_again(judged, snapshot, "now")
        yield judged.report


def text(body: Body) -> bytes:
    return b"".join(body.plain().parts)


@given(lives())
@settings(max_examples=60, deadline=None)
def test_a_view_serves_what_one_that_is_made_from_nothing_serves(moments: list[Living]) -> None:
    view: View | None = None
    for report in reports(moments):
        view, fresh = View(report, "tag", view), View(report, "tag")
        assert text(view.json()) == text(fresh.json())
        assert text(view.groups_text(())) == text(fresh.groups_text(()))
        for table in ("group_of", "ungrouped", "with_id", "nodes", "domains", "ordered", "ids"):
            assert getattr(view.targets.places, table) == getattr(fresh.targets.places, table)
        for group in report.groups:
            assert view.targets.find(f"group:{group.id}") is group
        for name in (*view.targets.places.group_of, *(device.name for device in report.ungrouped)):
            found = view.targets.find(name)
            assert found == fresh.targets.find(name)
            assert one_device_json(Told(name, found, ()), "now", None)


@given(lives())
@settings(max_examples=60, deadline=None)
def test_states_and_changes_are_those_of_reports_that_share_nothing(moments: list[Living]) -> None:
    known: Remembered | None = None
    before: State | None = None
    for report in reports(moments):
        state = state_of(report, "boot", known)
        assert state == state_of(report, "boot")
        if known is not None and before is not None:
            assert changes(known.state, state) == changes(before, state_of(report, "boot"))
        known, before = Remembered(report, state), state_of(report, "boot")


@given(lives())
@settings(max_examples=60, deadline=None)
def test_holders_stand_at_the_groups_that_a_driver_may_open(moments: list[Living]) -> None:
    holders = Holders(lambda: Memory({}), processes=lambda: (), clock=time_that_passes())
    for report in reports(moments):
        shown = holders.add(report)
        for group, own in zip(shown.groups, report.groups, strict=True):
            assert group == own._replace(holders=group.holders)
            assert (group.holders is not None) <= own.on_vfio
        assert {group.holders for group in shown.groups if group.on_vfio} <= {(), None}


def time_that_passes() -> Callable[[], float]:
    moments = iter(range(1_000_000))
    return lambda: 3.0 * next(moments)
