"""Many lines of acpidump at once: a table of 1 MB has 65,536 of them.

A line has an offset, sixteen bytes in hexadecimal and the same as characters, so that the bytes of
all lines are in the same columns. Such lines are cut instead of matched one by one, in a tenth of
the time. Whatever does not fit is left to the caller, who reads it line by line.
"""

from __future__ import annotations

import re
from binascii import Error, unhexlify
from typing import NamedTuple

_FIRST = re.compile(rb"([ \t]*[0-9A-Fa-f]{1,8}):(?: [0-9A-Fa-f]{2}){16}(?:[ \t\r\n]|$)")
_HEX = b"0123456789abcdefABCDEF"
_BYTES, _COLUMNS = 16, 48
#: The longest line that is looked at: 76 characters are usual.
_WIDE = 96


class Taken(NamedTuple):
    """Bytes of a table, and where their lines end; `at` and no bytes where nothing fits."""

    raw: bytes
    end: int


def take(data: bytes, at: int, offset: int, most: int) -> Taken:
    """The bytes of the lines from `at` on, at most so many, the first of which is at `offset`."""
    first = _FIRST.match(data, at)
    if first is None:
        return Taken(b"", at)
    colon = len(first[1])
    lines = data[at : at + most * _WIDE].split(b"\n", most)[:-1]  # the last may be cut
    count = _alike(lines, colon)
    del lines[count:]
    cells = colon + 1
    columns = b"".join([line[cells : cells + _COLUMNS] for line in lines])
    digits = columns.translate(None, b" ")
    behind = b"".join([line[cells + _COLUMNS : cells + _COLUMNS + 1] for line in lines])
    if columns[::3].strip(b" ") or len(digits) != count * _BYTES * 2 or behind.strip(b" \t\r"):
        return Taken(b"", at)
    if not _offsets_fit([line[:colon] for line in lines], offset):
        return Taken(b"", at)
    end = at + sum(map(len, lines)) + count
    if data.count(b"\r", at, end) != data.count(b"\r\n", at, end):
        return Taken(b"", at)
    try:
        return Taken(unhexlify(digits), end)
    except Error:
        return Taken(b"", at)


def _alike(lines: list[bytes], colon: int) -> int:
    """How many of the lines have their colon and all their bytes where the first has them."""
    least = colon + 1 + _COLUMNS
    for count, line in enumerate(lines):
        if len(line) < least or line[colon] != 0x3A:
            return count
    return len(lines)


def _offsets_fit(written: list[bytes], start: int) -> bool:
    """Whether the offsets count up by sixteen, with nothing among the digits."""
    if b"".join(written).translate(None, _HEX + b" \t"):
        return False
    try:
        found = [int(one, 16) for one in written]
    except ValueError:
        return False
    return found == list(range(start, start + len(written) * _BYTES, _BYTES))
