"""A report under another policy is that report with other headlines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.support.laws import examples
from tests.support.living import Living, lives
from tests.test_agreement import CASES, HOSTS
from vfioguard.judging.causes import rows
from vfioguard.judging.evaluate import evaluate, judge
from vfioguard.judging.policies import UnknownPolicy, policy_names
from vfioguard.judging.under import under, ungrouped_under
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root
from vfioguard.snapshot import Snapshot


def agrees(snapshot: Snapshot) -> None:
    judged = judge(snapshot, "now")
    for policy in policy_names():
        expected = evaluate(snapshot, "now", Choice(policy))
        groups = tuple(under(judged, Choice(policy), judged.report.groups))
        pinned = judged.report.host.choosing(Choice(policy), judged.report.policies)
        told = not groups or any(group.causes for group in groups)
        causes = rows(judged.host, groups) if told else ()
        assert (
            judged.report._replace(
                host=pinned,
                groups=groups,
                causes=causes,
                ungrouped=ungrouped_under(judged, Choice(policy)),
            )
            == expected
        )


@pytest.mark.parametrize(("host", "state"), CASES)
def test_another_policy_changes_the_headlines_of_a_recorded_host_and_nothing_else(
    host: str, state: str
) -> None:
    agrees(take(open_root(str(HOSTS / host / f"{state}.tar.xz"))))


@given(lives())
@settings(max_examples=examples(50), deadline=None)
def test_another_policy_changes_the_headlines_of_any_host_and_nothing_else(
    moments: list[Living],
) -> None:
    agrees(take(Memory(moments[-1].entries())))


def test_a_verdict_that_a_group_has_already_is_that_very_object() -> None:
    host = "6.12-amd64--vtd-ir"
    judged = judge(take(open_root(str(HOSTS / host / "bound.tar.xz"))), "now")
    groups = judged.report.groups
    for old, new in zip(groups, under(judged, Choice("vfio_safe_irq_domain"), groups), strict=True):
        assert new.headline is old.series


def test_a_policy_that_does_not_exist_has_no_verdicts() -> None:
    host = "6.12-amd64--vtd-ir"
    judged = judge(take(open_root(str(HOSTS / host / "bound.tar.xz"))), "now")
    with pytest.raises(UnknownPolicy):
        under(judged, Choice("nothing"), ())
