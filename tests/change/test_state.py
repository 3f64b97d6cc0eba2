"""From reports of hosts to what is kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hosts import arm_host, x86_host
from vfioguard.change.codec import decode, encode
from vfioguard.change.compare import changes
from vfioguard.change.state import Remembered, same, state_of
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.capture import load
from vfioguard.root.memory import Entry, Memory, Refused

HOSTS = sorted((Path(__file__).parents[1] / "fixtures" / "sysfs").iterdir())


def report_of(entries: dict[str, Entry], when: str = "2026-11-22T18:00:00Z") -> Report:
    return evaluate(take(Memory(entries)), when)


@pytest.mark.parametrize("host", HOSTS[::7], ids=lambda host: host.name)
def test_a_real_host_is_kept_whole(host: Path) -> None:
    report = evaluate(take(load(str(max(host.glob("*.tar.xz"))))), "2026-11-22T18:00:00Z")
    state = state_of(report, "b1")
    assert [group.id for group in state.groups] == [group.id for group in report.groups]
    assert [group.outcome for group in state.groups] == [group.outcome for group in report.groups]
    assert decode(encode(state)) == state


@pytest.mark.parametrize(
    ("entries", "remapping"),
    [(x86_host(1), True), (x86_host(1, remapping=False), False), (arm_host(1), None)],
)
def test_remapping_is_a_fact_of_x86(entries: dict[str, Entry], remapping: bool | None) -> None:
    assert state_of(report_of(entries), None).remapping is remapping


def test_groups_of_the_same_objects_are_not_made_again() -> None:
    first = report_of(x86_host(3))
    known = Remembered(first, state_of(first, "b1"))
    other = report_of(x86_host(3, remapping=False)).groups[1]
    second = first._replace(groups=(first.groups[0], other, first.groups[2]))
    again = state_of(second, "b1", known)
    assert again == state_of(second, "b1")
    assert [new is old for new, old in zip(again.groups, known.state.groups, strict=True)] == [
        True,
        False,
        True,
    ]
    assert state_of(first._replace(findings=()), "b1", known).groups is known.state.groups


def test_a_group_that_is_inserted_is_no_reason_to_make_the_others_again() -> None:
    first = report_of(x86_host(3))
    known = Remembered(first._replace(groups=first.groups[1:]), state_of(first, None))
    known = Remembered(known.report, state_of(known.report, None))
    again = state_of(first, None, known)
    assert again == state_of(first, None)
    assert again.groups[1] is known.state.groups[0]


def test_when_it_was_read_makes_no_other_state() -> None:
    one, other = report_of(x86_host(2)), report_of(x86_host(2), "2026-11-23T00:00:00Z")
    assert same(state_of(one, "b1"), state_of(other, "b1"))
    assert changes(state_of(one, "b1"), state_of(other, "b1")) == ()
    assert not same(state_of(one, "b1"), state_of(other, "b2"))


def test_a_module_that_is_loaded_with_what_was_pending_changes_nothing() -> None:
    before = state_of(report_of(x86_host(1, override=None)), None)
    assert changes(before, state_of(report_of(x86_host(1, override=False)), None)) == ()
    (outcome, *_) = changes(before, state_of(report_of(x86_host(1, override=True)), None))
    assert outcome.after is True


def test_a_list_of_groups_that_may_not_be_read_is_not_an_empty_one() -> None:
    hidden = {path: entry for path, entry in x86_host(2).items() if "iommu_group" not in path}
    assert state_of(report_of(hidden), None).groups_read
    hidden["/sys/kernel/iommu_groups"] = Refused(13)
    assert not state_of(report_of(hidden), None).groups_read
