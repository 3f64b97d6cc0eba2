"""Keeps the Report equal to the host: news come, the host is read, what it says is published.

News only say that something may have changed. They are gathered while a reading is under way, and
those of a storm until it has passed: 4,096 virtual functions are a handful of readings.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from vfioguard.report import Report
from vfioguard.root.patience import Patience
from vfioguard.serve.answer.latest import Latest, Scan
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.worker import GaveUp, Worker
from vfioguard.serve.senses.hint import EVERYTHING, NOTHING, POLL, RECONCILE, News
from vfioguard.serve.telling.log import describe_error

#: Seconds without news after which a storm has passed, and after which one is read all the same.
QUIET, LONGEST = 0.25, 0.75
#: Seconds after which news that were not read put the answer in doubt; longer where a full reading
#: takes long, for so many times its own.
_UNREAD, _READINGS = 1.0, 2
#: Seconds for which nothing else is done while a small reading may end, which takes a millisecond
#: or two; and between two such times.
_SPARE, _SPARED = 0.004, 0.015
_NEVER = math.inf
#: Seconds between two looks for what hangs in other processes.
_AGAIN = 1.0

_log = logging.getLogger("vfioguard")


class Intervals(NamedTuple):
    """Seconds: `poll` between looks for what sends no event, `full` between full readings."""

    poll: float = 5.0
    full: float = 300.0


class Hooks(NamedTuple):
    """Called by the loop: for each Report that is published, where a reading failed or is stuck."""

    published: Callable[[Report], None]
    failed: Callable[[str], None]
    stuck: Callable[[str], None]


class Follower:
    """`read` may hang; nothing else does. `patience` is what it reads with."""

    def __init__(
        self,
        read: Callable[[News], Scan],
        latest: Latest,
        intervals: Intervals,
        hooks: Hooks,
        patience: Patience,
    ) -> None:
        self._read = read
        self._latest = latest
        self._intervals = intervals
        self._hooks = hooks
        self._clock = time.monotonic
        self._patience = patience
        self._worker = Worker("vfioguard-reader", patience, self._stuck)
        self._news = EVERYTHING
        #: When the oldest news were told that nobody has read yet, and that are being read.
        self._unread = self._reading = _NEVER
        self._full = 0.0
        self._gave_up: str | None = None
        self._first = self._last = self._listed = -LONGEST
        self._spared = -_SPARED
        self._told = asyncio.Event()

    def tell(self, news: News) -> None:
        """Something may have changed."""
        if news == NOTHING:
            return
        now = self._clock()
        if not self._news.costly:
            self._first = now
        self._last = now
        self._unread = min(self._unread, now)
        self._news |= news
        if news.lost:
            self._latest.doubt(lost=True)
        self._told.set()

    def behind(self) -> str | None:
        """Why what is served may be behind the news, None where it is not."""
        if (path := self._patience.stuck) is not None:
            return self._many(path)
        if self._gave_up is not None:
            return f"{self._gave_up} does not answer; the host is being read without it"
        if self._unread is self._reading:  # neither: what nearly every request finds
            return None
        age = self._clock() - min(self._unread, self._reading)
        if age <= _UNREAD or (age <= _READINGS * self._full and self._patience.moves):
            return None
        return f"what changed {age:.1f} s ago has not been read yet"

    async def run(self) -> None:
        """Follow for ever."""
        loop = asyncio.get_running_loop()

        def answered(path: str) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._answered, path)

        self._patience.answered = answered
        elsewhere = asyncio.create_task(self._elsewhere())
        try:
            await self._follow()
        finally:
            elsewhere.cancel()

    async def _elsewhere(self) -> None:
        """See what other processes left hanging return; none that come later is looked for."""
        for path in sorted(self._patience.elsewhere):
            _log.warning("%s does not answer another process: left out until it does", path)
        while self._patience.elsewhere:
            await asyncio.sleep(_AGAIN)
            for path in sorted(self._patience.released()):
                self._answered(path)

    async def _follow(self) -> None:
        poll, full = self._intervals
        poll_at, full_at = self._clock() + poll, self._clock() + full
        owed = NOTHING
        while True:
            now = self._clock()
            news, self._news = self._news | owed, NOTHING
            # Steady news must not put off what is looked for at intervals.
            news |= RECONCILE if now >= full_at else POLL if now >= poll_at else NOTHING
            self._reading, self._unread = self._unread, _NEVER
            if await self._once(news):
                self._reading, owed = _NEVER, NOTHING
            else:
                owed = news | EVERYTHING
                self._reading, self._unread = _NEVER, min(self._unread, self._reading)
            now = self._clock()
            if news.reconcile:
                full_at = now + full
            if news.poll or news.everything:
                poll_at = now + poll
            await self._due(min(poll_at, full_at))

    async def _once(self, news: News) -> bool:
        """Read, and publish what was read; False where that failed."""
        try:
            scan, view = await self._worker.run(lambda: self._scan(news), self._spare(news))
        except GaveUp as error:
            self._gave_up = str(error)
            _log.warning("%s does not answer: left out until its read returns", error)
            self.tell(EVERYTHING)
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one may succeed
            reason = describe_error(error)
            self._latest.fail(reason)
            if not self._news.reload:  # who asked meanwhile waits for a reading that is to come
                self._hooks.failed(reason)
            return False
        self._gave_up = None
        if news.costly:
            self._listed = self._clock()
        if news.everything:
            self._full = scan.seconds
        self._latest.publish(scan, view)
        self._latest.doubt(lost=self._news.lost)
        if not self._news.reload:
            self._hooks.published(scan.report)
        return True

    def _spare(self, news: News) -> float:
        """Seconds to wait for a small reading; 0 after a wait, so that clients get their turn."""
        now = self._clock()
        if not news.small or now < self._spared + _SPARED:
            return 0.0
        self._spared = now
        return _SPARE

    def _scan(self, news: News) -> tuple[Scan, View]:
        door = self._patience.door
        scan = self._read(news)
        door.leave()
        return scan, self._latest.render(scan.report)

    def _answered(self, path: str) -> None:
        _log.info("%s answers again", path)
        self.tell(EVERYTHING)

    def _many(self, path: str) -> str:
        return f"{len(self._patience.hung) + 1} reads do not return, the last of {path}"

    def _stuck(self, path: str) -> None:
        self._hooks.stuck(self._many(path))

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
