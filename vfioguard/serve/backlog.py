"""What was heard of the host and has not been read yet: when to read it, and what to say meanwhile.

Hints only say that something may have changed. They are gathered while a reading is under way, and
those of a storm until it has passed: 4,096 virtual functions are a handful of readings.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from vfioguard.root.patience import Patience
from vfioguard.serve.senses.hint import EVERYTHING, NOTHING, Hint

#: Seconds without a hint after which a storm has passed, and after which it is read all the same.
QUIET, LONGEST = 0.25, 0.75
#: Seconds after which a hint that was not read puts the answer in doubt. Where a full reading takes
#: long, it is so many times the length of one.
_UNREAD, _READINGS = 1.0, 2
_NEVER = math.inf


class Backlog:
    """Belongs to the event loop's thread. `patience` is what the host is read with."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._hint = EVERYTHING
        #: When the oldest hint was told that nobody has read yet, and that is being read.
        self._unread = self._reading = _NEVER
        self._full = 0.0
        self._left_out: str | None = None
        self._lost = False
        self._first = self._last = self._listed = -LONGEST
        self._told = asyncio.Event()

    @property
    def reload(self) -> bool:
        """Whether somebody waits for a reading that is still to come."""
        return self._hint.reload

    def tell(self, hint: Hint) -> None:
        """Something may have changed."""
        if hint == NOTHING:
            return
        now = self._clock()
        if not self._hint.costly:
            self._first = now
        self._last = now
        self._unread = min(self._unread, now)
        self._hint |= hint
        self._lost = self._lost or hint.lost
        self._told.set()

    def take(self) -> Hint:
        """All hints so far, which are being read from now on."""
        hint, self._hint = self._hint, NOTHING
        self._reading, self._unread = self._unread, _NEVER
        return hint

    def succeeded(self, hint: Hint, seconds: float) -> None:
        """The reading that this hint asked for took so many seconds."""
        if hint.costly:
            self._listed = self._clock()
        if hint.everything:
            self._full = seconds
        self._reading = _NEVER
        self._left_out = None
        self._lost = self._hint.lost

    def failed(self, left_out: str | None = None) -> None:
        """The reading failed; `left_out` is a path whose read did not return."""
        self._unread, self._reading = min(self._unread, self._reading), _NEVER
        if left_out is not None:
            self._left_out = left_out
            self.tell(EVERYTHING)

    def doubt(self) -> str | None:
        """Why the answer that is served may be behind the host; None if it is not."""
        if self._lost:
            return "events were lost; the host is being read again"
        if (path := self.patience.stuck) is not None:
            return self.stuck(path)
        if self._left_out is not None:
            return f"{self._left_out} does not answer; the host is being read without it"
        if self._unread is self._reading:  # neither: what nearly every request finds
            return None
        age = self._clock() - min(self._unread, self._reading)
        if age <= _UNREAD or (age <= _READINGS * self._full and self.patience.moves):
            return None
        return f"what changed {age:.1f} s ago has not been read yet"

    def stuck(self, path: str) -> str:
        """What to say when so many reads do not return that none is left behind any more."""
        return f"{len(self.patience.hung) + 1} reads do not return, the last of {path}"

    async def wait(self, at_last: float) -> None:
        """Wait until there is something to read, or the clock shows `at_last`."""
        while True:
            now = self._clock()
            at = at_last if self._hint == NOTHING else min(at_last, self._ripe())
            if at <= now:
                return
            self._told.clear()
            # Not wait_for(), which may lose a cancellation (python/cpython#86296, up to 3.11).
            with suppress(TimeoutError):
                async with asyncio.timeout(at - now):
                    await self._told.wait()

    def _ripe(self) -> float:
        """When the hints are to be read: at once, but not in the middle of a storm."""
        if not self._hint.costly or self._first - self._listed >= LONGEST:
            return self._first
        return min(self._last + QUIET, max(self._first, self._listed) + LONGEST)
