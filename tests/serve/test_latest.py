"""When an answer may be relied on, and when it is a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from tests.serve.serving import Clock, latest_of, scan_of
from tests.support.hosts import x86_host
from vfioguard.judging.policies import UnknownPolicy
from vfioguard.report import Choice, GroupReport
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.answer.view import View
from vfioguard.serve.doubt import Reason
from vfioguard.serve.host.scan import Scan

LATER = "2026-11-22T18:01:00Z"


def test_nothing_is_ready_before_the_first_reading() -> None:
    assert latest_of().unready() == "the host has not been read yet"


def test_an_answer_is_relied_on_for_three_intervals_and_readings() -> None:
    clock = Clock()
    latest = latest_of(scan_of(x86_host()), clock=clock)
    clock.now += 3 * (10 + 0.25)
    assert latest.unready() is None
    clock.now += 0.75
    doubt = latest.doubt()
    assert doubt == (Reason.OLD, "the host has not been read for too long", 31.5)


def test_a_new_reading_is_ready_again() -> None:
    clock = Clock()
    scan = scan_of(x86_host())
    latest = latest_of(scan, clock=clock)
    clock.now += 100
    latest.publish(scan, latest.render(scan.report))
    assert latest.unready() is None


def test_a_failure_is_told_until_a_reading_succeeds() -> None:
    scan = scan_of(x86_host())
    latest = latest_of(scan)
    latest.fail("why")
    assert latest.unready() == "the host could not be read: why"
    assert latest.view is not None
    latest.publish(scan, latest.render(scan.report))
    assert latest.unready() is None
    assert latest.failures == 1


def test_a_reading_that_says_the_same_is_not_rendered_again() -> None:
    host = x86_host()
    latest = latest_of(scan_of(host))
    first = latest.view
    scan = scan_of(host, when=LATER)
    latest.publish(scan, latest.render(scan.report))
    assert latest.view is first
    assert latest.scan is scan


def test_a_reading_that_says_something_else_has_another_tag() -> None:
    latest = latest_of(scan_of(x86_host(3)), scan_of(x86_host(4), when=LATER))
    assert latest.view is not None
    assert (latest.view.tag, len(latest.view.report.groups)) == ("n-2", 4)


def test_two_processes_have_no_tag_in_common() -> None:
    scan = scan_of(x86_host())
    one, other = latest_of(scan, nonce=None), latest_of(scan, nonce=None)
    assert one.view is not None
    assert other.view is not None
    assert one.view.tag != other.view.tag


async def report(latest: Latest, policy: str | None) -> Body:
    body = await latest.body(policy and Choice(policy), "json", View.json)
    await asyncio.sleep(0.02)  # the thread that made it lets go of it
    assert body is not None
    return body


def counting(calls: list[str], when: str, groups: int = 1) -> Scan:
    """A reading that notes by which policies it is judged."""
    made = scan_of(x86_host(groups), when=when)

    def under(chosen: Choice, groups: Iterable[GroupReport]) -> Sequence[GroupReport]:
        calls.append(str(chosen.policy))
        return made.under(chosen, groups)

    return made._replace(under=under)


def test_another_policy_is_judged_once_per_reading_even_when_asked_at_once() -> None:
    calls: list[str] = []

    async def go() -> None:
        latest = latest_of(counting(calls, "1"))
        bodies = await asyncio.gather(*(report(latest, "iommu_capable") for _ in range(4)))
        assert len({id(body) for body in bodies}) == 1
        again = counting(calls, "2")
        latest.publish(again, latest.render(again.report))
        assert await report(latest, "iommu_capable") is bodies[0], "it says the same"

    asyncio.run(go())
    assert calls == ["iommu_capable"] * 2


def test_a_reading_of_the_same_state_is_not_judged_by_another_policy_again() -> None:
    calls: list[str] = []

    async def go() -> None:
        scan = counting(calls, "1")
        latest = latest_of(scan)
        first = await report(latest, "iommu_capable")
        latest.publish(scan._replace(taken_at=2.0), latest.render(scan.report))
        assert await report(latest, "iommu_capable") is first

    asyncio.run(go())
    assert calls == ["iommu_capable"]


@pytest.mark.parametrize(("seconds", "kept"), [(60, True), (80, False)])
def test_a_policy_that_nobody_asks_for_any_more_is_forgotten(seconds: int, kept: bool) -> None:
    clock = Clock()

    async def go() -> None:
        scan = scan_of(x86_host())
        latest = latest_of(scan, clock=clock)
        first = (await report(latest, "iommu_capable")).tag
        clock.now += seconds
        latest.publish(scan, latest.render(scan.report))
        assert ((await report(latest, "iommu_capable")).tag == first) is kept

    asyncio.run(go())


def test_of_a_policy_only_the_reading_before_is_kept() -> None:
    async def go() -> None:
        scans = [scan_of(x86_host(), when=str(n)) for n in range(3)]
        latest = latest_of(scans[0])
        first = (await report(latest, "iommu_capable")).tag
        for scan in scans[1:]:
            latest.publish(scan, latest.render(scan.report))
        assert (await report(latest, "iommu_capable")).tag != first

    asyncio.run(go())


def test_the_policy_that_the_daemon_was_started_with_is_not_judged_twice() -> None:
    async def go() -> None:
        latest = latest_of(scan_of(x86_host(), "iommu_capable"))
        assert await report(latest, "iommu_capable") is await report(latest, None)

    asyncio.run(go())


def test_who_asks_at_once_for_what_is_not_rendered_yet_gets_the_same() -> None:
    async def go() -> None:
        latest = latest_of(scan_of(x86_host(50)))
        bodies = await asyncio.gather(*(report(latest, None) for _ in range(9)))
        assert len({id(body) for body in bodies}) == 1

    asyncio.run(go())


def test_one_group_under_another_policy_is_judged_by_itself() -> None:
    scan = scan_of(x86_host(3))
    latest = latest_of(scan)
    single = latest.single(Choice("iommu_capable"))
    assert single is not None
    assert single.judge(scan.report.groups[1]).headline.policy == "iommu_capable"
    own = latest.single(None)
    assert own is not None
    assert own.judge(scan.report.groups[1]) is scan.report.groups[1]
    assert own.tag != single.tag


def test_one_group_has_another_tag_where_only_the_other_policy_says_something_else() -> None:
    scan = scan_of(x86_host(3))
    latest = latest_of(scan)
    tags = set[str]()
    for state in (scan.state, scan.state, object()):
        again = scan._replace(state=state, report=scan.report._replace(generated_at=LATER))
        latest.publish(again, latest.render(again.report))
        single = latest.single(Choice("iommu_capable"))
        assert single is not None
        tags.add(f"{single.tag} {single.generated_at}")
    assert len(tags) == 2


def test_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownPolicy):
        asyncio.run(report(latest_of(scan_of(x86_host())), "nothing"))
