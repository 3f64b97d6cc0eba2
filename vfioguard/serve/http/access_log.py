"""The access log: a line for each request, or only for each request that was turned away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from urllib.parse import quote

from vfioguard.serve.http.rate import Rate

#: A request was turned away, or met a bug of ours: logged even if the access log is off.
_ALWAYS = frozenset({400, 401, 403, 413, 429, 500})
#: That many lines of those at once, then one in each interval of `_EVERY` seconds: a client that
#: sends nonsense must not fill the journal.
_BURST = 20
_EVERY = 1.0
#: How many characters of a path are shown.
_SHOWN = 200

_log = logging.getLogger("vfioguard")


class Access:
    """Writes the lines. `every`: also for requests that were served."""

    def __init__(self, *, every: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._bound = Rate(_EVERY, _BURST, clock)
        self._clock = clock
        self._left_out = 0

    def note(self, who: str, user: str, request: tuple[str, bytes, bytes], status: int) -> None:
        """Log one request: the peer, the user, the method, path and query, and the status."""
        bad = status in _ALWAYS
        if not (bad or self._every) or (bad and self._is_too_much()):
            return
        method, path, query = request
        target = path + (b"?" + query if query else b"")
        # h11 takes only printable ASCII here; the user's name is what the client said.
        shown = quote(target[:_SHOWN], safe="/:?=&%+,;@!$'()*~[]-._")
        more = "..." if len(target) > _SHOWN else ""
        named = f" user={quote(user[:64], safe='@')}" if user else ""
        level = logging.WARNING if bad else logging.INFO
        _log.log(level, '%s%s "%s %s%s" %d', who, named, method, shown, more, status)

    def malformed(self, who: str) -> None:
        """Log that a peer sent something else than an HTTP request."""
        if not self._is_too_much():
            _log.warning("%s sent what is no HTTP request: 400", who)

    def failed(self, who: str, error: Exception) -> None:
        """Log that a request met a bug of ours; `note` logs the request itself."""
        if not self._is_too_much():
            _log.error("a bug in vfioguard, met by %s", who, exc_info=error)

    def _is_too_much(self) -> bool:
        """Whether this line must be left out. If not, log how many were left out before it."""
        if not self._bound.take():
            self._left_out += 1
            return True
        if self._left_out:
            _log.warning("%d requests turned away are not shown", self._left_out)
            self._left_out = 0
        return False
