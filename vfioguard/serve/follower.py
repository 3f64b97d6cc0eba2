"""Keeps the Report equal to the host: a hint comes, the host is read, the result is published."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from vfioguard.report import Report
from vfioguard.root.opening import CannotOpen
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.answer.view import View
from vfioguard.serve.backlog import Backlog
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.host.worker import GaveUp, Worker
from vfioguard.serve.senses.hint import EVERYTHING, NOTHING, POLL, RECONCILE, Hint
from vfioguard.serve.telling.log import error_line, place_of
from vfioguard.typed import NamedTuple

#: The most seconds for which the loop is blocked for a small reading, which takes a millisecond or
#: two; and the least seconds between two such waits.
_SPARE, _SPARED = 0.004, 0.015
#: Seconds between two looks at the reads that hang in other processes.
_AGAIN = 1.0

_log = logging.getLogger("vfioguard")


class Intervals(NamedTuple):
    """Seconds: `poll` between looks for what sends no event, `full` between full readings."""

    poll: float = 5.0
    full: float = 300.0


class Failed(NamedTuple):
    """Why a reading failed, in one line. `place` is where a bug of ours was met, else "".

    The line may be another at each reading, as another file is met first, but not `kind`.
    """

    why: str
    place: str
    kind: str


class Hooks(NamedTuple):
    """Called by the loop.

    `served` gets each Report that is served. `settled` gets it as well, unless somebody who asked
    for a reading still waits for the next. `failed` and `stuck` get the reason.
    """

    served: Callable[[Report], None]
    settled: Callable[[Report], None]
    failed: Callable[[Failed], None]
    stuck: Callable[[str], None]


class Follower:
    """Reads the host for the hints in `backlog`, and publishes to `latest`.

    `read` runs in a thread of its own, where it may hang.
    """

    def __init__(
        self,
        read: Callable[[Hint], Scan],
        backlog: Backlog,
        latest: Latest,
        intervals: Intervals,
        hooks: Hooks,
    ) -> None:
        self._read = read
        self._patience = backlog.patience
        self._backlog = backlog
        self._latest = latest
        self._intervals = intervals
        self._hooks = hooks
        self._clock = time.monotonic
        self._worker = Worker("vfioguard-reader", self._patience, self._stuck)
        self._spared = -_SPARED

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
        """Watch the reads that other processes left hanging until they return."""
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
            # A steady stream of hints must not put off the readings at intervals.
            regular = RECONCILE if now >= full_at else POLL if now >= poll_at else NOTHING
            hint = self._backlog.take() | owed | regular
            owed = NOTHING if await self._once(hint) else hint | EVERYTHING
            now = self._clock()
            if hint.reconcile:
                full_at = now + full
            if hint.poll or hint.everything:
                poll_at = now + poll
            await self._backlog.wait(min(poll_at, full_at))

    async def _once(self, hint: Hint) -> bool:
        """Read the host and publish what it says. Returns whether that succeeded."""
        try:
            scan, view = await self._worker.run(lambda: self._scan(hint), self._spare(hint))
        except GaveUp as error:
            _log.warning("%s does not answer: left out until its read returns", error)
            self._backlog.failed(left_out=str(error))
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one may succeed
            self._backlog.failed()
            failed = _failed(error)
            self._latest.fail(failed.why)
            if not self._backlog.reload:
                self._hooks.failed(failed)
            return False
        self._backlog.succeeded(hint, scan.seconds)
        self._latest.publish(scan, view)
        self._hooks.served(scan.report)
        if not self._backlog.reload:
            self._hooks.settled(scan.report)
        return True

    def _spare(self, hint: Hint) -> float:
        """Seconds to wait for a small reading; 0 after a wait, so that clients get their turn."""
        now = self._clock()
        if not hint.small or now < self._spared + _SPARED:
            return 0.0
        self._spared = now
        return _SPARE

    def _scan(self, hint: Hint) -> tuple[Scan, View]:
        door = self._patience.door
        scan = self._read(hint)
        door.leave()
        return scan, self._latest.render(scan.report)

    def _answered(self, path: str) -> None:
        _log.info("%s answers again", path)
        self._backlog.tell(EVERYTHING)

    def _stuck(self, path: str) -> None:
        self._hooks.stuck(self._backlog.stuck(path))


def _failed(error: Exception) -> Failed:
    kind = type(error).__name__
    if isinstance(error, CannotOpen):
        return Failed(str(error), "", kind)
    return Failed(error_line(error), place_of(error), kind)
