"""What somebody may have meant: the known names that are one slip of the keyboard away.

The work hangs on the length of the name alone, and not on how many names there are, as a gate may
be asked for thousands of names that are not there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

#: The characters that tell names apart: hexadecimal digits.
_DIGITS = "0123456789abcdef"
#: Longer names are not searched for slips.
_LONGEST = 40
#: Names that are proposed.
_MOST = 3


def slips(name: str, known: Callable[[str], bool]) -> list[str]:
    """Up to three known names that differ in one character, or in two that are exchanged."""
    if len(name) > _LONGEST:
        return []
    close: dict[str, None] = {}
    for candidate in _one_off(name.lower()):
        if known(candidate):
            close[candidate] = None
            if len(close) == _MOST:
                break
    return list(close)


def _one_off(name: str) -> Iterator[str]:
    yield name
    # The end is tried first: names of one device differ there.
    for place in reversed(range(len(name) + 1)):
        before, after = name[:place], name[place:]
        if after:
            yield before + after[1:]
            yield from (before + digit + after[1:] for digit in _DIGITS)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        yield from (before + digit + after for digit in _DIGITS)


def around(name: str, ordered: Sequence[str], most: int) -> list[str]:
    """Up to `most` of the sorted names: those on both sides of where `name` would stand."""
    place = bisect_left(ordered, name)
    first = max(0, min(place - most // 2, len(ordered) - most))
    return list(ordered[first : first + most])


def alike(word: str, words: Sequence[str]) -> str | None:
    """The one of a few words that is most like `word`. Returns None if none is like it."""
    from difflib import get_close_matches  # only a misspelt word needs it

    close = get_close_matches(word[:_LONGEST], words, n=1)
    return close[0] if close else None
