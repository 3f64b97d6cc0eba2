"""The words of an errno that a narrow terminal broke into two lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vfioguard.symptom.words import SAID


def _breaks() -> dict[str, list[tuple[str, str]]]:
    """Where such words may break: (before, after), by the last word before the break."""
    breaks: dict[str, list[tuple[str, str]]] = {}
    for phrase in sorted(SAID, key=len, reverse=True):
        parts = phrase.split()
        for place in range(1, len(parts)):
            pair = " ".join(parts[:place]), " ".join(parts[place:])
            breaks.setdefault(parts[place - 1], []).append(pair)
    return breaks


_BREAKS = _breaks()


def whole(lines: Iterable[str]) -> Iterator[str]:
    """The lines, each with the end of its errno. What stood there is taken from the next line."""
    held: str | None = None
    for line in lines:
        after = "" if held is None else _after(held, line)
        if held is not None:
            yield f"{held.rstrip()} {after}" if after else held
        held = line.lstrip()[len(after) :] if after else line
    if held is not None:
        yield held


def _after(line: str, following: str) -> str:
    """The words of an errno that `line` begins and `following` ends; "" if there are none."""
    end = line[-64:].rstrip().lower()
    pairs = _BREAKS.get(end.rpartition(" ")[2])
    if pairs is None:
        return ""
    start = following[:128].lstrip().lower()
    return next(
        (
            after
            for before, after in pairs
            if f" {end}".endswith(f" {before}") and start.startswith(after)
        ),
        "",
    )
