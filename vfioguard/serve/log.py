"""The daemon's log: one line for each event, to stderr."""

from __future__ import annotations

import logging
import sys


class OneLine(logging.Formatter):
    """Every record is one line: an exception is its message and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().strip()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {describe_error(record.exc_info[1])}"
        return "vfioguard: " + " | ".join(text.splitlines())


def describe_error(error: BaseException) -> str:
    """What went wrong and where, in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
    return " ".join(f"{type(error).__name__}: {error}{where}".split())


def to_stderr() -> None:
    """Log to stderr: warnings of all, everything of our own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("vfioguard").setLevel(logging.INFO)
