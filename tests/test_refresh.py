"""A host followed by what it tells is the host that a full reading finds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings

from tests.support.following import follow
from tests.support.functions import Function
from tests.support.living import Living, Machine, lives
from vfioguard.judging.again import judge_again
from vfioguard.judging.evaluate import Judged, evaluate, judge
from vfioguard.reading import refresh
from vfioguard.reading.again import take_again
from vfioguard.reading.take import take
from vfioguard.root.memory import Memory


@given(lives())
@settings(max_examples=150, deadline=None)
def test_following_a_host_finds_what_reading_it_again_finds(moments: list[Living]) -> None:
    judged = judge(take(Memory(moments[0].entries())), "now")
    for before, after in pairwise(moments):
        root = Memory(after.entries())
        snapshot = follow(root, judged.snapshot, before, after)
        assert snapshot == take(root)
        judged = judge_again(judged, snapshot, "now")
        assert judged.report == evaluate(take(root), "now")


@given(lives())
@settings(max_examples=100, deadline=None)
def test_reading_everything_again_keeps_what_is_the_same(moments: list[Living]) -> None:
    root = Memory(moments[-1].entries())
    first = judge(take(root), "now")
    second = judge_again(first, take_again(root, first.snapshot), "now")
    assert second.report == first.report
    for old, new in zip(first.report.groups, second.report.groups, strict=True):
        assert new is old
    for old, new in zip(first.snapshot.devices, second.snapshot.devices, strict=True):
        assert new is old


def host(*names: str, driver: str = "e1000e", chip: str | None = "IR-PCI-MSIX") -> Living:
    functions = {n: (Function(n, chip, driver), at) for at, n in enumerate(names)}
    return Living(Machine(), functions)


def judged(living: Living) -> Judged:
    return judge(take(Memory(living.entries())), "now")


def test_a_new_driver_changes_its_group_and_no_other() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0"))
    changed = host("0000:01:00.0", "0000:02:00.0")
    moved = {**changed.functions, "0000:02:00.0": (Function("0000:02:00.0", None, "vfio-pci"), 1)}
    root = Memory(changed._replace(functions=moved).entries())
    snapshot = refresh.function(root, before.snapshot, "0000:02:00.0")
    assert snapshot is not None
    after = judge_again(before, snapshot, "now")
    assert after.report.groups[0] is before.report.groups[0]
    assert after.report.groups[1].devices[0].driver == "vfio-pci"


def test_a_hot_plugged_device_leaves_the_other_groups_as_they_are() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0"))
    root = Memory(host("0000:01:00.0", "0000:02:00.0", "0000:03:00.0").entries())
    snapshot = take_again(root, before.snapshot, frozenset({"0000:03:00.0"}))
    after = judge_again(before, snapshot, "now")
    assert [group.id for group in after.report.groups] == [0, 1, 2]
    assert after.report.groups[0] is before.report.groups[0]


def test_a_device_that_is_gone_is_not_read_as_if_it_were_there() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0"))
    root = Memory(host("0000:01:00.0").entries())
    assert refresh.function(root, before.snapshot, "0000:02:00.0") is None


def test_msis_that_are_of_another_chip_now_are_found_though_their_numbers_are_the_same() -> None:
    before = judged(host("0000:01:00.0", "0000:02:00.0")).snapshot
    changed = host("0000:01:00.0", "0000:02:00.0")
    other = Function("0000:02:00.0", "PCI-MSIX", "e1000e")
    root = Memory(
        changed._replace(functions=changed.functions | {other.name: (other, 1)}).entries()
    )
    assert list(refresh.unannounced(root, before.members)) == ["0000:02:00.0"]
