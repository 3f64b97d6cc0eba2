"""A line that stays on top of a terminal, above what scrolls (ECMA-48; DECSTBM of the VT100)."""

from __future__ import annotations

import os
import sys

#: A terminal with fewer lines has no room for one that stays.
_LEAST = 5


class Top:
    """Keeps the first line. `lines` and `columns` are the size of the terminal at the beginning.

    Nothing is kept unless standard output is a terminal that has room.
    """

    def __init__(self, *, wanted: bool) -> None:
        size = os.get_terminal_size(sys.stdout.fileno()) if wanted else None
        self._lines = size.lines if size is not None and size.lines >= _LEAST else 0
        self._columns = size.columns if size is not None else 0
        if self._lines:
            # Clear, let all but the first line scroll, and go on below it.
            _write(f"\x1b[H\x1b[2J\x1b[2;{self._lines}r\x1b[2;1H")

    @property
    def kept(self) -> bool:
        """Whether there is such a line."""
        return self._lines > 0

    def show(self, text: str) -> None:
        """Write the line anew."""
        if self._lines:
            _write(f"\x1b7\x1b[1;1H\x1b[2K\x1b[7m{text[: self._columns]}\x1b[0m\x1b8")

    def end(self) -> None:
        """Give the first line back."""
        if self._lines:
            _write(f"\x1b[r\x1b[{self._lines};1H")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
