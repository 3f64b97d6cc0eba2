"""The daemon's log on stderr: one line for each event."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable

from vfioguard.serve.telling.journal import is_stderr

#: sd-daemon(3): the journal takes such a prefix off a line and keeps it as the PRIORITY.
_PRIORITIES = {
    logging.DEBUG: "<7>",
    logging.INFO: "<6>",
    logging.WARNING: "<4>",
    logging.ERROR: "<3>",
    logging.CRITICAL: "<2>",
}

_log = logging.getLogger("vfioguard")


class OneLine(logging.Formatter):
    """Formats each record as one line. An exception is its message, and its place if it is a bug.

    `priorities`: each line begins with its priority, for the journal.
    """

    def __init__(self, *, priorities: bool = False) -> None:
        super().__init__()
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().strip()
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f": {error_line(error)}{place_of(error)}"
        priority = _PRIORITIES.get(record.levelno, "") if self._priorities else ""
        return f"{priority}vfioguard: " + " | ".join(text.splitlines())


class Trouble:
    """A failure that may repeat. It is logged when it begins, once for each kind, and at its end.

    `over` is the line for its end. A failure may come and go, so it has ended once it has not been
    met for `quiet` seconds. `clock` counts seconds.
    """

    def __init__(
        self, over: str, quiet: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._over = over
        self._quiet = quiet
        self._clock = clock
        self._said: set[str] = set()
        self._met_at = 0.0

    def here(self, text: str, error: BaseException | None = None, kind: str = "") -> None:
        """It failed. Log `text`, unless a line of the same `kind` was logged since it began.

        If it is a bug, `error` adds its message and its place. `kind` is `text` if it is not given.
        """
        self._met_at = self._clock()
        kind = kind or text
        if kind not in self._said:
            _log.error("%s", text, exc_info=error)
            self._said.add(kind)

    def gone(self) -> None:
        """It did not fail this time."""
        if self._said and self._clock() - self._met_at >= self._quiet:
            _log.warning("%s", self._over)
            self._said.clear()


def error_line(error: BaseException) -> str:
    """What failed, in one line for people. A bug of ours also has the name of its type."""
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        text = ": ".join([*names, error.strerror])
    elif isinstance(error, OSError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def place_of(error: BaseException) -> str:
    """Where a bug was met: module and line, in parentheses. Returns "" if the host failed us."""
    trace = error.__traceback__
    if trace is None or isinstance(error, OSError):
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno})"


def to_stderr() -> None:
    """Log to stderr: warnings of every logger, and our own lines from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(priorities=is_stderr(os.environ)))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("vfioguard").setLevel(logging.INFO)
