"""A token bucket: a burst of tokens, then one in each interval."""

from __future__ import annotations

import time
from collections.abc import Callable


class Rate:
    """Adds one token every `interval` seconds, up to `burst`. With interval 0 it never refuses."""

    def __init__(
        self, interval: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.interval = interval
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._counted_at = clock()

    def take(self) -> bool:
        """Take a token. Returns False if there is none."""
        if not self.interval:
            return True
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) / self.interval)
        self._counted_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
