"""The hints that have not been read yet: when to read the host, and whether to doubt the answer.

A hint only says that something may have changed. Hints are gathered during a reading, and during a
storm until it has passed. So 4,096 virtual functions that come at once cost a handful of readings.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from vfioguard.root.patience import Patience
from vfioguard.serve.doubt import Doubt, Reason
from vfioguard.serve.senses.hint import EVERYTHING, NOTHING, Hint

#: A storm has passed after the first number of seconds without a hint. After the second number of
#: seconds the host is read all the same.
QUIET, LONGEST = 0.25, 0.75
#: A hint that is not read after `_UNREAD` seconds puts the answer in doubt. If full readings take
#: long and the reader moves, it does so after `_READINGS` times the length of one.
_UNREAD, _READINGS = 1.0, 2
_NEVER = math.inf


class Backlog:
    """Gathers hints. It belongs to the event loop's thread.

    `patience` is that of the thread that reads the host. `clock` counts seconds.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._hint = EVERYTHING
        #: When the oldest hint came that no reading has taken, and the oldest that one has taken.
        self._unread = self._reading = _NEVER
        #: When the last reading began.
        self._took = 0.0
        self._full = 0.0
        self._left_out: str | None = None
        self._left_out_at = 0.0
        self._lost = False
        self._lost_at = 0.0
        self._first = self._last = self._listed = -LONGEST
        self._told = asyncio.Event()

    @property
    def reload(self) -> bool:
        """Whether somebody waits for a reading that has not begun."""
        return self._hint.reload

    def tell(self, hint: Hint) -> None:
        """Take in a hint that something may have changed."""
        if hint == NOTHING:
            return
        now = self._clock()
        if not self._hint.costly:
            self._first = now
        self._last = now
        self._unread = min(self._unread, now)
        self._hint |= hint
        if hint.lost and not self._lost:
            self._lost, self._lost_at = True, now
        self._told.set()

    def take(self) -> Hint:
        """Take out all hints so far, for a reading that begins now."""
        hint, self._hint = self._hint, NOTHING
        self._took = self._clock()
        self._reading, self._unread = self._unread, _NEVER
        return hint

    def succeeded(self, hint: Hint, seconds: float) -> None:
        """The reading for `hint` succeeded, and took so many `seconds`."""
        if hint.costly:
            self._listed = self._clock()
        if hint.everything:
            self._full = seconds
        self._reading = _NEVER
        self._left_out = None
        self._lost = self._hint.lost

    def failed(self, left_out: str | None = None) -> None:
        """The reading failed. If one of its reads did not return, `left_out` is the path."""
        self._unread, self._reading = min(self._unread, self._reading), _NEVER
        if left_out is not None:
            if self._left_out is None:
                self._left_out_at = self._clock()
            self._left_out = left_out
            self.tell(EVERYTHING)

    def doubt(self) -> Doubt | None:
        """Why the served answer may be behind the host. Returns None if it is not."""
        unread = min(self._unread, self._reading)
        if self._lost:
            why = "events were lost; the host is being read again"
            return Doubt(Reason.EVENTS_LOST, why, self._clock() - self._lost_at)
        if (path := self.patience.stuck) is not None:
            now = self._clock()
            return Doubt(Reason.HUNG, self.stuck(path), now - min(unread, self._took))
        if self._left_out is not None:
            why = f"{self._left_out} does not answer; the host is being read without it"
            return Doubt(Reason.HUNG, why, self._clock() - min(unread, self._left_out_at))
        if unread is _NEVER:  # as for nearly every request
            return None
        age = self._clock() - unread
        if age <= _UNREAD or (age <= _READINGS * self._full and self.patience.moves):
            return None
        return Doubt(Reason.BEHIND, "what changed has not been read yet", age)

    def stuck(self, path: str) -> str:
        """The sentence for a read of `path` that hangs after as many as may be left behind."""
        return f"{len(self.patience.hung) + 1} reads do not return, the last of {path}"

    async def wait(self, latest: float) -> None:
        """Wait until there is something to read, or until the clock shows `latest`."""
        while True:
            now = self._clock()
            due = latest if self._hint == NOTHING else min(latest, self._ripe())
            if due <= now:
                return
            self._told.clear()
            # Not wait_for(), which may lose a cancellation (python/cpython#86296, up to 3.11).
            with suppress(TimeoutError):
                async with asyncio.timeout(due - now):
                    await self._told.wait()

    def _ripe(self) -> float:
        """The time at which to read the hints: at once, but not in the middle of a storm."""
        if not self._hint.costly or self._first - self._listed >= LONGEST:
            return self._first
        return min(self._last + QUIET, max(self._first, self._listed) + LONGEST)
