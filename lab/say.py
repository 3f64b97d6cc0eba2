"""What the lab tells: lines, and on a terminal one line of progress below them."""

from __future__ import annotations

import sys
import time


class Failed(Exception):
    """Something that the lab cannot do; its text is the one line that says so."""


def line(text: str) -> None:
    """Print one line; it takes the place of the line of progress."""
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    print(text, flush=True)


def progress(text: str) -> None:
    """Show how far the work is. Shows nothing where nobody watches: a log has no use for it."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def seconds(count: float) -> str:
    """A duration in seconds, as a person reads it."""
    whole = max(0, round(count))
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02} s"


def megabytes(count: float) -> str:
    """A number of bytes, as a person reads it."""
    return f"{count / 1e6:.0f} MB"


class Clock:
    """How long something has taken so far, in seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._began
