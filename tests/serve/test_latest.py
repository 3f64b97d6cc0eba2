"""When an answer may be relied on, and when it is a new one."""

from __future__ import annotations

import asyncio

import pytest

from tests.serve.serving import Clock, latest_of, scan_of
from tests.support.hosts import x86_host

LATER = "2026-11-22T18:01:00Z"


def test_nothing_is_ready_before_the_first_reading() -> None:
    assert latest_of().unready() == "the host has not been read yet"


def test_an_answer_is_relied_on_for_three_intervals_and_readings() -> None:
    clock = Clock()
    latest = latest_of(scan_of(x86_host()), clock=clock)
    clock.now += 3 * (10 + 0.25)
    assert latest.unready() is None
    clock.now += 0.75
    assert latest.unready() == "the host was last read 32 s ago"


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


def test_one_failed_reading_closes_the_gate_and_does_not_make_the_last_one_old() -> None:
    clock = Clock()
    latest = latest_of(scan_of(x86_host()), clock=clock)
    latest.fail("OSError: no")
    assert latest.unready() is not None
    assert latest.stale() is None
    clock.now += 31  # three intervals, and what the reading took
    assert latest.stale() == "the host was last read 31 s ago"


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


def test_another_policy_is_judged_once_per_reading_even_when_asked_at_once() -> None:
    host = x86_host()
    calls: list[str] = []

    def scan(when: str) -> object:
        made = scan_of(host, when=when)
        return made._replace(under=lambda policy: (calls.append(policy), made.under(policy))[1])

    async def go() -> None:
        latest = latest_of(scan("1"))
        views = await asyncio.gather(*(latest.under("iommu_capable") for _ in range(4)))
        assert len({id(view) for view in views}) == 1
        again = scan("2")
        latest.publish(again, latest.render(again.report))
        assert await latest.under("iommu_capable") is views[0], "it says the same"

    asyncio.run(go())
    assert calls == ["iommu_capable"] * 2


def test_a_policy_that_nobody_asks_for_any_more_is_forgotten() -> None:
    async def go() -> None:
        scan = scan_of(x86_host())
        latest = latest_of(scan)
        first = await latest.under("iommu_capable")
        for _ in range(3):
            latest.publish(scan, latest.render(scan.report))
        assert await latest.under("iommu_capable") is not first

    asyncio.run(go())


def test_the_policy_that_the_daemon_was_started_with_is_not_judged_twice() -> None:
    latest = latest_of(scan_of(x86_host(), "iommu_capable"))
    assert asyncio.run(latest.under("iommu_capable")) is latest.view


def test_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        asyncio.run(latest_of(scan_of(x86_host())).under("nothing"))
