"""Keeps the Report equal to the host: news come, the host is read, what it says is published.

News only say that something may have changed. They are gathered while a reading is under way, and
those of a storm until it has passed: 4,096 virtual functions are a handful of readings.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from vfioguard.report import Report
from vfioguard.serve.latest import Latest, Scan
from vfioguard.serve.log import describe_error
from vfioguard.serve.news import EVERYTHING, NOTHING, POLL, RECONCILE, News
from vfioguard.serve.view import View
from vfioguard.serve.worker import Worker

#: Seconds without news after which a storm has passed, and after which one is read all the same.
QUIET, LONGEST = 0.25, 1.5
#: Seconds for which nothing else is done while a small reading may end, which takes a millisecond
#: or two; and between two such times.
_PATIENCE, _PATIENT = 0.004, 0.015

_log = logging.getLogger("vfioguard")


class Intervals(NamedTuple):
    """Seconds: `poll` between looks for what sends no event, `full` between full readings."""

    poll: float = 5.0
    full: float = 300.0


class Hooks(NamedTuple):
    """Called by the loop: for each Report that is published, and where a reading failed."""

    published: Callable[[Report], None]
    failed: Callable[[str], None]


class Follower:
    """`read` may hang; nothing else does."""

    def __init__(
        self,
        read: Callable[[News], Scan],
        latest: Latest,
        intervals: Intervals,
        hooks: Hooks,
    ) -> None:
        self._read = read
        self._latest = latest
        self._intervals = intervals
        self._hooks = hooks
        self._clock = time.monotonic
        self._worker = Worker("vfioguard-reader")
        self._news = EVERYTHING
        self._first = self._last = self._listed = -LONGEST
        self._patient = -_PATIENT
        self._told = asyncio.Event()

    def tell(self, news: News) -> None:
        """Something may have changed."""
        if news == NOTHING:
            return
        now = self._clock()
        if not self._news.costly:
            self._first = now
        self._last = now
        self._news |= news
        if news.lost:
            self._latest.doubt(lost=True)
        self._told.set()

    async def run(self) -> None:
        """Follow for ever."""
        poll, full = self._intervals
        poll_at, full_at = self._clock() + poll, self._clock() + full
        owed = NOTHING
        while True:
            now = self._clock()
            news, self._news = self._news | owed, NOTHING
            # Steady news must not put off what is looked for at intervals.
            news |= RECONCILE if now >= full_at else POLL if now >= poll_at else NOTHING
            owed = NOTHING if await self._once(news) else news | EVERYTHING
            now = self._clock()
            if news.reconcile:
                full_at = now + full
            if news.poll or news.everything:
                poll_at = now + poll
            await self._due(min(poll_at, full_at))

    async def _once(self, news: News) -> bool:
        """Read, and publish what was read; False where that failed."""
        try:
            scan, view = await self._worker.run(lambda: self._scan(news), self._patience(news))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one may succeed
            reason = describe_error(error)
            self._latest.fail(reason)
            if not self._news.reload:  # who asked meanwhile waits for a reading that is to come
                self._hooks.failed(reason)
            return False
        if news.costly:
            self._listed = self._clock()
        self._latest.publish(scan, view)
        self._latest.doubt(lost=self._news.lost)
        if not self._news.reload:
            self._hooks.published(scan.report)
        return True

    def _patience(self, news: News) -> float:
        """None where the loop has just waited: in a row of events others have their turn."""
        now = self._clock()
        if not news.small or now < self._patient + _PATIENT:
            return 0.0
        self._patient = now
        return _PATIENCE

    def _scan(self, news: News) -> tuple[Scan, View]:
        scan = self._read(news)
        return scan, self._latest.render(scan.report)

    async def _due(self, at_last: float) -> None:
        """Wait until there is something to read, or it is time."""
        while True:
            now = self._clock()
            at = at_last if self._news == NOTHING else min(at_last, self._ripe())
            if at <= now:
                return
            self._told.clear()
            # Not wait_for(), which may lose a cancellation (python/cpython#86296, up to 3.11).
            with suppress(TimeoutError):
                async with asyncio.timeout(at - now):
                    await self._told.wait()

    def _ripe(self) -> float:
        """When the news are to be read: at once, but not in the middle of a storm."""
        if not self._news.costly or self._first - self._listed >= LONGEST:
            return self._first
        return min(self._last + QUIET, max(self._first, self._listed) + LONGEST)
