"""Tables out of one file: raw bytes, one table after another, or the text of `acpidump`.

The text has a line "APIC @ 0x00000000BFEE0000" per table, then lines of an offset, sixteen bytes
and the same as characters (acpica source/tools/acpidump/apfiles.c). A signature may occur again.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vfioguard.acpi import _dump_lines
from vfioguard.acpi.layout import MOST, BadTable, text
from vfioguard.acpi.sdt import SIZE


class Dumped(NamedTuple):
    """One table as it stood in the file: its signature, where it began there, and its bytes."""

    signature: str
    offset: int
    raw: bytes


class Dump(NamedTuple):
    """The tables of one file in its order, and where it stopped being tables."""

    tables: tuple[Dumped, ...]
    broken: BadTable | None

    def named(self, signature: str) -> tuple[Dumped, ...]:
        """All tables of one signature: a machine may have two MADTs."""
        return tuple(found for found in self.tables if found.signature == signature)


_TITLE = re.compile(rb"\s*(\S{4}) @ (?:0x)?[0-9A-Fa-f]+\s*")
_LINE = re.compile(rb"\s*([0-9A-Fa-f]{1,8}):((?: [0-9A-Fa-f]{2}){1,16})(?:\s.*)?", re.DOTALL)

_ANY_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|$)")
#: Lines that are taken at once: their pieces need some memory for a moment.
_MOST_LINES = 4096


def split(data: bytes) -> Dump:
    """The tables of a file, whichever form it has."""
    lines = data[:4096].splitlines()
    return from_text(data) if any(map(_TITLE.fullmatch, lines)) else _from_bytes(data)


def _from_bytes(data: bytes) -> Dump:
    """Tables that follow each other; a last one may be cut, and zeros may fill the end."""
    tables: list[Dumped] = []
    at = 0
    while at < len(data):
        left = len(data) - at
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if len(tables) == MOST:
            return Dump(tuple(tables), BadTable(at, f"more than {MOST} tables"))
        if left < SIZE or length < SIZE:
            if tables and not any(data[at:]):
                break
            why = f"{left} bytes are no table" if left < SIZE else f"a table of {length} bytes"
            return Dump(_kept(tables, data, at), BadTable(at, why))
        tables.append(Dumped(text(data[at : at + 4]), at, data[at : at + length]))
        if length > left:
            return Dump(tuple(tables), BadTable(at, f"{length} bytes are said, {left} are there"))
        at += length
    return Dump(tuple(tables), None)


def _kept(tables: list[Dumped], data: bytes, at: int) -> tuple[Dumped, ...]:
    """A file that is nothing but one bad table is still that table, for its parser to judge."""
    return tuple(tables) or (Dumped(text(data[:4]), at, data),)


def from_text(data: bytes, at_once: int = 64) -> Dump:
    """Tables under their titles; what is neither a title, a line of bytes nor blank is a break.

    `at_once`: how many lines of a table are taken at first, ever more while they are alike; 0: line
    by line, which gives the same.
    """
    titles: list[tuple[str, int, bytearray]] = []
    broken: BadTable | None = None
    at, most = 0, at_once
    while at < len(data):
        if titles and most:
            raw = titles[-1][2]
            taken = _dump_lines.take(data, at, len(raw), most)
            if taken.raw:
                raw += taken.raw
                at, most = taken.end, min(most * 2, _MOST_LINES)
                continue
            most = 0  # line by line until the next title
        line = _ANY_LINE.match(data, at)
        assert line is not None, "it matches anything"
        if title := _TITLE.fullmatch(line[0]):
            if len(titles) == MOST:
                broken = broken or BadTable(at, f"more than {MOST} tables")
                break
            titles.append((text(title[1]), at, bytearray()))
            most = at_once
        elif titles and (found := _LINE.fullmatch(line[0])):
            raw = titles[-1][2]
            # Behind a gap nothing stands where it stood: later lines do not fit either.
            if int(found[1], 16) == len(raw):
                raw += bytes.fromhex(found[2].decode())
            else:
                broken = broken or BadTable(at, f"offset {len(raw):#x} of the table is missing")
        elif not line[0].isspace():
            broken = broken or BadTable(at, "not a line of acpidump")
        at = line.end()
    return Dump(tuple(Dumped(name, where, bytes(raw)) for name, where, raw in titles), broken)
