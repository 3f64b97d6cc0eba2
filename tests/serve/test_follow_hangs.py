"""What is served while a reading of the host does not end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable

from tests.serve.serving import latest_of, scan_of
from tests.support.hosts import x86_host
from vfioguard.report import Report
from vfioguard.root.patience import Patience
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.backlog import Backlog
from vfioguard.serve.follower import Follower, Hooks, Intervals
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.senses.hint import Hint

GOOD = scan_of(x86_host(2))
DEVICE = Hint(frozenset({"0000:01:00.0"}))
UNITS = "/sys/class/iommu"


class Slow:
    """A host that is followed; while `waits`, a reading stays at `place` until it is released."""

    def __init__(self, place: str = UNITS, patience: Patience | None = None) -> None:
        self.place = place
        self.waits = False
        self.release = threading.Event()
        self.patience = patience or Patience()
        self.published: list[Report] = []
        self.stuck: list[str] = []
        self.backlog = Backlog(self.patience)
        self.latest: Latest = latest_of(doubts=(self.backlog.doubt,))
        hooks = Hooks(
            served=lambda _: None,
            settled=self.published.append,
            failed=lambda _: None,
            stuck=self.stuck.append,
        )
        self.follower = Follower(self.read, self.backlog, self.latest, Intervals(3600, 3600), hooks)

    def read(self, _: Hint) -> Scan:
        if self.waits and not self.patience.hung:
            self.patience.door.place[1] = self.place
            self.release.wait(30)
        return GOOD

    async def hang(self) -> str:
        """Something is told, and its reading waits. Why the answer is not relied on, in the end."""
        self.waits = True
        self.backlog.tell(DEVICE)
        await until(lambda: self.latest.unready() is not None)
        return self.latest.unready() or ""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - it is about what no event tells
            await asyncio.sleep(0.005)


def follow(host: Slow, what: Callable[[], Awaitable[None]]) -> None:
    """Once it was read."""

    async def go() -> None:
        task = asyncio.create_task(host.follower.run())
        try:
            await until(lambda: len(host.published) == 1)
            assert host.latest.unready() is None
            await what()
        finally:
            host.release.set()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(go())


def test_hints_that_are_not_read_within_a_second_put_the_answer_in_doubt() -> None:
    host = Slow("/boot/config-6.12")  # a disk may take longer than that to be given up

    async def what() -> None:
        began = time.monotonic()
        assert (await host.hang()).startswith("what changed has not been read")
        assert 0.9 < time.monotonic() - began < 5
        host.release.set()
        await until(lambda: host.latest.unready() is None)
        assert len(host.published) == 2

    follow(host, what)


def test_a_read_that_hangs_is_doubt_until_the_host_was_read_without_it() -> None:
    host = Slow()

    async def what() -> None:
        await host.hang()
        await until(lambda: host.latest.unready() is None)
        assert host.patience.hung == (UNITS,)
        assert len(host.published) == 2

    follow(host, what)


def test_what_answers_again_is_read_again() -> None:
    host = Slow()

    async def what() -> None:
        await host.hang()
        await until(lambda: len(host.published) == 2)
        host.waits = False
        host.release.set()
        await until(lambda: len(host.published) == 3)
        assert host.patience.hung == ()

    follow(host, what)


def test_where_too_many_hang_it_says_so_to_all_and_stays_in_doubt() -> None:
    host = Slow(patience=Patience(most=0))

    async def what() -> None:
        await host.hang()
        await until(lambda: bool(host.stuck))
        said = f"1 reads do not return, the last of {UNITS}"
        assert (host.stuck, host.latest.unready()) == ([said], said)
        host.release.set()
        await until(lambda: host.latest.unready() is None)

    follow(host, what)
