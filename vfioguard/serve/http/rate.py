"""A token bucket: so many at once, and then one in each interval."""

from __future__ import annotations

import time
from collections.abc import Callable


class Rate:
    """`interval` seconds bring one, `burst` are kept at most. None are refused at interval 0."""

    def __init__(
        self, interval: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.interval = interval
        self._burst = float(burst)
        self._clock = clock
        self._there = self._burst
        self._at = clock()

    def take(self) -> bool:
        """Whether there was one."""
        if not self.interval:
            return True
        now = self._clock()
        self._there = min(self._burst, self._there + (now - self._at) / self.interval)
        self._at = now
        if self._there < 1.0:
            return False
        self._there -= 1.0
        return True
