"""What changed on a host, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.change import Change, Direction
from vfioguard.change.sentence import sentences

_LABELS = {
    Direction.WORSE: ("worse:  ", "\x1b[31m"),
    Direction.NEITHER: ("        ", ""),
    Direction.BETTER: ("better: ", "\x1b[32m"),
}
_RESET = "\x1b[0m"


def label(direction: str, *, color: bool) -> str:
    """What stands before a change that turned this way; a direction that is not known is neither.

    Each has the same width.
    """
    known = direction if direction in set(Direction) else Direction.NEITHER
    word, paint = _LABELS[Direction(known)]
    return f"{paint}{word}{_RESET}" if color and paint else word


def change_lines(changes: Sequence[Change], *, color: bool) -> Iterator[str]:
    """The changes as lines, the worst first; changes that are alike share a line."""
    for direction in Direction:
        shown = label(direction, color=color)
        for line in sentences([change for change in changes if change.direction is direction]):
            yield f"{shown}{line}"
