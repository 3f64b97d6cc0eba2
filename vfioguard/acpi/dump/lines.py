"""Read many lines of acpidump at once: a table of 1 MB has 65,536 of them.

A line holds an offset, sixteen bytes in hexadecimal, and the same bytes as characters. So the
bytes of all lines stand in the same columns. Cutting these columns takes a tenth of the time that
matching each line takes. Lines of another form are left to the caller, which matches each.
"""

from __future__ import annotations

import re
from binascii import Error, unhexlify

from vfioguard.typed import NamedTuple

_FIRST = re.compile(rb"([ \t]*[0-9A-Fa-f]{1,8}):(?: [0-9A-Fa-f]{2}){16}(?:[ \t\r\n]|$)")
_HEX = b"0123456789abcdefABCDEF"
_BYTES, _COLUMNS = 16, 48
#: Characters of the longest line that `take` reads; 76 are usual.
_WIDE = 96


class DumpLine(NamedTuple):
    """Bytes of a table, and `end`: where their lines end. Without bytes, `end` is the start."""

    raw: bytes
    end: int


def take(data: bytes, start: int, offset: int, most: int) -> DumpLine:
    """Read up to `most` lines of `data` from `start` on; their first byte is `offset` of a table.

    Takes no bytes if the lines do not all have the usual form.
    """
    first = _FIRST.match(data, start)
    if first is None:
        return DumpLine(b"", start)
    colon = len(first[1])
    lines = data[start : start + most * _WIDE].split(b"\n", most)[:-1]  # the last may be cut
    count = _alike(lines, colon)
    del lines[count:]
    cells = colon + 1
    columns = b"".join([line[cells : cells + _COLUMNS] for line in lines])
    digits = columns.translate(None, b" ")
    behind = b"".join([line[cells + _COLUMNS : cells + _COLUMNS + 1] for line in lines])
    if columns[::3].strip(b" ") or len(digits) != count * _BYTES * 2 or behind.strip(b" \t\r"):
        return DumpLine(b"", start)
    if not _offsets_fit([line[:colon] for line in lines], offset):
        return DumpLine(b"", start)
    end = start + sum(map(len, lines)) + count
    if data.count(b"\r", start, end) != data.count(b"\r\n", start, end):
        return DumpLine(b"", start)
    try:
        return DumpLine(unhexlify(digits), end)
    except Error:
        return DumpLine(b"", start)


def _alike(lines: list[bytes], colon: int) -> int:
    """Count the leading lines that have a colon at column `colon` and room for sixteen bytes."""
    least = colon + 1 + _COLUMNS
    for count, line in enumerate(lines):
        if len(line) < least or line[colon] != 0x3A:
            return count
    return len(lines)


def _offsets_fit(written: list[bytes], start: int) -> bool:
    """Whether the written offsets count up by sixteen from `start`, and hold digits only."""
    if b"".join(written).translate(None, _HEX + b" \t"):
        return False
    try:
        offsets = [int(digits, 16) for digits in written]
    except ValueError:
        return False
    return offsets == list(range(start, start + len(written) * _BYTES, _BYTES))
