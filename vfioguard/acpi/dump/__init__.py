"""Split a file into ACPI tables: raw bytes, one table after another, or the text of `acpidump`.

The text has a title "APIC @ 0x00000000BFEE0000" per table. Lines follow that hold an offset,
sixteen bytes, and the same bytes as characters (acpica source/tools/acpidump/apfiles.c). Two
tables may have the same signature: a machine may have two MADTs.
"""

from __future__ import annotations

import re

from vfioguard.acpi.dump import lines
from vfioguard.acpi.structure.layout import MOST, BadTable, text
from vfioguard.acpi.structure.sdt import SIZE
from vfioguard.typed import NamedTuple


class Dumped(NamedTuple):
    """One table as it stood in the file: its signature, where it began there, and its bytes."""

    signature: str
    offset: int
    raw: bytes


class Dump(NamedTuple):
    """The tables of one file in its order, and `broken`: where the file stops being tables."""

    tables: tuple[Dumped, ...]
    broken: BadTable | None


_TITLE = re.compile(rb"\s*(\S{4}) @ (?:0x)?[0-9A-Fa-f]+\s*")
_LINE = re.compile(rb"\s*([0-9A-Fa-f]{1,8}):((?: [0-9A-Fa-f]{2}){1,16})(?:\s.*)?", re.DOTALL)

_ANY_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|$)")
#: Lines that are read at once at most: their pieces need memory meanwhile.
_MOST_LINES = 4096


def split(data: bytes) -> Dump:
    """The tables of a file, which holds raw bytes or the text of acpidump."""
    beginning = data[:4096].splitlines()
    return from_text(data) if any(map(_TITLE.fullmatch, beginning)) else _from_bytes(data)


def _from_bytes(data: bytes) -> Dump:
    """Tables that follow each other. The last table may be cut, and zeros may fill the end."""
    tables: list[Dumped] = []
    start = 0
    while start < len(data):
        left = len(data) - start
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        if len(tables) == MOST:
            return Dump(tuple(tables), BadTable(start, f"more than {MOST} tables"))
        if left < SIZE or length < SIZE:
            if tables and not any(data[start:]):
                break
            why = f"{left} bytes are no table" if left < SIZE else f"a table of {length} bytes"
            return Dump(_kept(tables, data, start), BadTable(start, why))
        tables.append(Dumped(text(data[start : start + 4]), start, data[start : start + length]))
        if length > left:
            why = f"{length} bytes are said, {left} are there"
            return Dump(tuple(tables), BadTable(start, why))
        start += length
    return Dump(tuple(tables), None)


def _kept(tables: list[Dumped], data: bytes, start: int) -> tuple[Dumped, ...]:
    """The tables before a break. A file without any becomes one table, for its parser to judge."""
    return tuple(tables) or (Dumped(text(data[:4]), start, data),)


def from_text(data: bytes, at_once: int = 64) -> Dump:
    """Tables under their titles. A line is a break if it has neither title nor bytes nor blanks.

    `at_once`: how many lines of a table are read at once at first; the number doubles while the
    lines have the usual form. 0 reads line by line, with the same result.
    """
    titles: list[tuple[str, int, bytearray]] = []
    broken: BadTable | None = None
    start, most = 0, at_once
    while start < len(data):
        if titles and most:
            raw = titles[-1][2]
            taken = lines.take(data, start, len(raw), most)
            if taken.raw:
                raw += taken.raw
                start, most = taken.end, min(most * 2, _MOST_LINES)
                continue
            most = 0  # line by line until the next title
        line = _ANY_LINE.match(data, start)
        assert line is not None, "it matches anything"
        if title := _TITLE.fullmatch(line[0]):
            if len(titles) == MOST:
                broken = broken or BadTable(start, f"more than {MOST} tables")
                break
            titles.append((text(title[1]), start, bytearray()))
            most = at_once
        elif titles and (row := _LINE.fullmatch(line[0])):
            raw = titles[-1][2]
            # After a missing line no later line has the offset that comes next: all are dropped.
            if int(row[1], 16) == len(raw):
                raw += bytes.fromhex(row[2].decode())
            else:
                why = f"offset {len(raw):#x} of the table is missing"
                broken = broken or BadTable(start, why)
        elif not line[0].isspace():
            broken = broken or BadTable(start, "not a line of acpidump")
        start = line.end()
    return Dump(tuple(Dumped(name, begun, bytes(raw)) for name, begun, raw in titles), broken)
