"""What is read when, and what of it is published."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable

from tests.serve.serving import latest_of, scan_of
from tests.support.hosts import x86_host
from vfioguard.report import Report
from vfioguard.root.patience import Patience
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.backlog import Backlog
from vfioguard.serve.follower import Failed, Follower, Hooks, Intervals
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.senses.hint import EVERYTHING, LISTINGS, LOST, NOTHING, RELOAD, Hint

GOOD = scan_of(x86_host(2))
SELDOM = Intervals(3600, 3600)
DEVICE = Hint(frozenset({"0000:01:00.0"}))


class Host:
    """Answers readings, and keeps what each was about; an exception is raised instead."""

    def __init__(self, *answers: Scan | Exception) -> None:
        self.asked: list[Hint] = []
        self._answers = list(answers)

    def read(self, hint: Hint) -> Scan:
        self.asked.append(hint)
        answer = self._answers.pop(0) if self._answers else GOOD
        if isinstance(answer, Exception):
            raise answer
        return answer


class Followed:
    """A follower that runs, what it published, and what it said of failures."""

    def __init__(self, host: Host, intervals: Intervals) -> None:
        self.backlog = Backlog(Patience())
        self.latest: Latest = latest_of(doubts=(self.backlog.doubt,))
        self.served: list[Report] = []
        self.published: list[Report] = []
        self.failed: list[object] = []
        hooks = Hooks(
            served=self.served.append,
            settled=self.published.append,
            failed=self.failed.append,
            stuck=self.failed.append,
        )
        self.follower = Follower(host.read, self.backlog, self.latest, intervals, hooks)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for the loop to bring it about."""
        while not true():  # noqa: ASYNC110 - it is about what no event tells
            await asyncio.sleep(0.002)


def follow(
    host: Host,
    what: Callable[[Followed], Awaitable[None]],
    intervals: Intervals = SELDOM,
) -> Followed:
    async def go() -> Followed:
        followed = Followed(host, intervals)
        task = asyncio.create_task(followed.follower.run())
        try:
            await asyncio.wait_for(what(followed), 30)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return followed

    return asyncio.run(go())


def test_the_first_reading_is_of_everything() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)

    follow(host, what)
    assert host.asked == [EVERYTHING]


def test_an_event_of_one_device_is_read_at_once_and_alone() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)
        followed.backlog.tell(DEVICE)
        await followed.until(lambda: len(followed.published) == 2)

    follow(host, what)
    assert host.asked[1:] == [DEVICE]


def test_a_storm_is_a_handful_of_readings() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)
        for number in range(1000):
            followed.backlog.tell(Hint(frozenset({f"0000:01:{number:02x}.0"}), listings=True))
            await asyncio.sleep(0.001)
        await followed.until(lambda: sum(len(hint.devices) for hint in host.asked) >= 1000)

    follow(host, what)
    assert len(host.asked) <= 5


def test_what_is_told_during_a_reading_is_read_after_it() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        followed.backlog.tell(DEVICE)
        await followed.until(lambda: len(host.asked) >= 1)
        followed.backlog.tell(Hint(frozenset({"0000:02:00.0"})))
        await followed.until(lambda: "0000:02:00.0" in host.asked[-1].devices)

    follow(host, what)
    assert 2 <= len(host.asked) <= 3


def test_a_reading_that_raises_is_one_line_and_the_next_one_counts() -> None:
    host = Host(GOOD, ValueError("two\nlines"), GOOD)

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)
        followed.backlog.tell(DEVICE)
        await followed.until(lambda: len(followed.failed) == 1)
        assert followed.latest.unready() is not None
        followed.backlog.tell(LISTINGS)
        await followed.until(lambda: len(followed.published) == 2)
        assert followed.latest.unready() is None
        assert followed.latest.failures == 1

    followed = follow(host, what)
    failed = followed.failed[0]
    assert isinstance(failed, Failed)
    assert (failed.why, failed.kind) == ("ValueError: two lines", "ValueError")
    assert failed.place.startswith(" (tests.serve.test_follow, line ")
    assert host.asked[2].everything, "what failed is owed"


def test_a_host_that_fails_is_not_asked_without_pause() -> None:
    host = Host(*[OSError("no")] * 1000)

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.failed) >= 1)
        await asyncio.sleep(0.2)

    follow(host, what, Intervals(0.1, 3600))
    assert len(host.asked) < 10


def test_lost_events_close_the_gate_until_the_host_was_read() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)
        followed.backlog.tell(LOST)
        assert followed.latest.unready() == "events were lost; the host is being read again"
        await followed.until(lambda: len(followed.published) == 2)
        assert followed.latest.unready() is None

    follow(host, what)


def test_it_looks_for_what_nobody_tells_and_reads_everything_at_times() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: any(hint.reconcile for hint in host.asked))

    follow(host, what, Intervals(0.02, 0.2))
    polls = [hint for hint in host.asked if hint.poll]
    assert polls
    assert all(hint.devices == frozenset() for hint in polls)


def test_steady_hints_do_not_put_off_what_is_looked_for_at_intervals() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        while not any(hint.poll for hint in host.asked):
            followed.backlog.tell(DEVICE)
            await asyncio.sleep(0.02)

    follow(host, what, Intervals(0.3, 3600))


class Slow(Host):
    """Reads a device only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def read(self, hint: Hint) -> Scan:
        scan = super().read(hint)
        if hint == DEVICE:
            assert self.let.wait(20)
        return scan


def test_who_asks_for_a_reading_is_not_answered_by_the_one_under_way() -> None:
    host = Slow()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)
        followed.backlog.tell(DEVICE)
        await followed.until(lambda: len(host.asked) == 2)
        followed.backlog.tell(RELOAD)
        host.let.set()
        await followed.until(lambda: len(followed.published) == 2)
        assert host.asked[-1].reload
        assert len(followed.served) == 3  # the one under way is served, but settles nothing

    follow(host, what)


def test_no_hints_are_no_reason_to_read() -> None:
    host = Host()

    async def what(followed: Followed) -> None:
        await followed.until(lambda: len(followed.published) == 1)
        followed.backlog.tell(NOTHING)
        await asyncio.sleep(0.1)

    follow(host, what)
    assert len(host.asked) == 1
