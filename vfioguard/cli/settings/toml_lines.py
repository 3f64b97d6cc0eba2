"""The line of a TOML file in which a value stands; tomllib does not tell it.

This module has no parser of its own, but calls tomllib. The shortest run of lines that parses alone
is one statement, and its parsed value says which keys it sets.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

from vfioguard.typed import NamedTuple, cast

Path = tuple[str, ...]
#: A statement of more than one line ends in a line with one of these.
_CLOSING = ("]", "}", '"""', "'''")


class _Statement(NamedTuple):
    """A statement: the number of its first line, its lines, and the path of its table."""

    first: int
    lines: list[str]
    table: Path


class Lines:
    """The line of each value in a valid TOML document. Lines count from 1 and end in LF or CRLF.

    A key that is set more than once, as the head of a table may be, has the line of the first.
    """

    def __init__(self, text: str) -> None:
        self._setting: dict[Path, _Statement] = {}
        table: Path = ()
        for first, lines in _statements(text):
            head = "".join(lines).lstrip().startswith("[")
            base: Path = () if head else table
            for path in _paths(tomllib.loads("".join(lines)), base):
                self._setting.setdefault(path, _Statement(first, lines, base))
                table = path if head else table

    def key(self, path: Path) -> int:
        """The first line of the statement that sets this key or a key below it."""
        return self._setting[path].first

    def item(self, path: Path, index: int) -> int:
        """The last line of one item of an array."""
        first, lines, table = self._setting[path]
        for number in range(1, len(lines)):
            array = _value(parse("".join(lines[:number]) + "\n]"), path[len(table) :])
            if isinstance(array, list) and len(cast("list[object]", array)) > index:
                return first + number - 1
        return first + len(lines) - 1


def _value(value: object, path: Path) -> object:
    if not path or not isinstance(value, dict):
        return value
    return _value(cast("dict[str, object]", value)[path[0]], path[1:])


def parse(text: str) -> dict[str, object] | None:
    """The document. Returns None if it is not valid."""
    try:
        return tomllib.loads(text)
    except ValueError:  # TOMLDecodeError, or int() of too many digits
        return None


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each statement, comment or blank line, with the number of its first line."""
    pending: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        pending.append(line + "\n")
        may_end = len(pending) == 1 or any(closing in line for closing in _CLOSING)
        if may_end and parse("".join(pending)) is not None:
            yield number - len(pending) + 1, pending
            pending = []


def _paths(value: Mapping[str, object], base: Path) -> Iterator[Path]:
    """The paths of everything below a table, the shortest first."""
    for key, below in value.items():
        path = (*base, key)
        yield path
        if isinstance(below, dict):
            yield from _paths(cast("dict[str, object]", below), path)
