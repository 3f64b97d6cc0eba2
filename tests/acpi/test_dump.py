"""Tables out of one file, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.acpi.own import OWN
from vfioguard.acpi import BadTable
from vfioguard.acpi.dump import from_text, split
from vfioguard.acpi.structure.layout import MOST

MADT, ARM, DMAR = OWN["madt-x86"], OWN["madt-arm"], OWN["dmar-all"]


def text(*tables: bytes) -> bytes:
    """As acpidump prints them."""
    lines = []
    for raw in tables:
        lines.append(f"{raw[:4].decode()} @ 0x00000000BFEE0000")
        for at in range(0, len(raw), 16):
            row = raw[at : at + 16]
            shown = "".join(chr(c) if 32 <= c < 127 else "." for c in row)
            lines.append(f"    {at:04X}: {row.hex(' ').upper():<47}  {shown}")
        lines.append("")
    return ("\n".join(lines) + "\n").encode()


def test_one_table_is_a_file() -> None:
    dump = split(DMAR)
    assert dump.broken is None
    assert [(t.signature, t.offset, t.raw) for t in dump.tables] == [("DMAR", 0, DMAR)]


def test_tables_may_follow_each_other() -> None:
    dump = split(MADT + DMAR + bytes(5))
    assert dump.broken is None
    assert [(t.signature, t.offset) for t in dump.tables] == [("APIC", 0), ("DMAR", len(MADT))]


@pytest.mark.parametrize("form", [lambda *t: b"".join(t), text], ids=["raw", "text"])
def test_a_dump_may_hold_two_madts(form) -> None:
    dump = split(form(MADT, DMAR, ARM))
    assert dump.broken is None
    assert [t.raw for t in dump.tables if t.signature == "APIC"] == [MADT, ARM]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
def test_the_text_of_acpidump_is_its_bytes(end: bytes) -> None:
    dump = split(text(DMAR, MADT).replace(b"\n", end))
    assert dump.broken is None
    assert [t.raw for t in dump.tables] == [DMAR, MADT]


def test_the_characters_beside_the_bytes_may_look_like_bytes() -> None:
    raw = DMAR[:36] + b" 41 42: 43 44 45 DMAR @ 0x12" * 3
    (found,) = split(text(raw)).tables
    assert found.raw == raw


def test_behind_a_line_that_is_missing_nothing_is_kept_of_that_table() -> None:
    lines = text(DMAR).splitlines(keepends=True)
    dump = split(b"".join(lines[:3] + lines[4:]) + text(MADT))
    assert [t.raw for t in dump.tables] == [DMAR[:0x20], MADT]
    assert dump.broken.why == "offset 0x20 of the table is missing"


def test_other_lines_are_a_break_and_the_tables_are_kept() -> None:
    dump = split(b"# a note\n" + text(DMAR) + b"the end\n")
    assert dump.broken == BadTable(0, "not a line of acpidump")
    assert dump.tables[0].raw == DMAR


def test_a_last_table_that_is_cut_is_kept() -> None:
    dump = split(MADT + DMAR[:100])
    assert [t.raw for t in dump.tables] == [MADT, DMAR[:100]]
    assert dump.broken == BadTable(len(MADT), f"{len(DMAR)} bytes are said, 100 are there")


@pytest.mark.parametrize("raw", [b"x", b"DMAR" + bytes(40), b"\xff" * 64], ids=["x", "0", "ff"])
def test_a_file_that_is_no_table_is_one_bad_table(raw: bytes) -> None:
    dump = split(raw)
    assert dump.broken is not None
    assert [t.raw for t in dump.tables] == [raw]


@pytest.mark.parametrize("raw", [b"DMAR @ 0x0\n", OWN["dmar-opt-out"]], ids=["text", "raw"])
def test_more_tables_than_any_machine_has_are_a_break(raw: bytes) -> None:
    dump = split(raw * (MOST + 1))
    assert len(dump.tables) == MOST
    assert dump.broken == BadTable(MOST * len(raw), f"more than {MOST} tables")


def test_an_empty_file_holds_nothing() -> None:
    assert split(b"") == ((), None)


def large(size: int) -> bytes:
    return b"DSDT" + size.to_bytes(4, "little") + bytes(n * 7 & 0xFF for n in range(size - 8))


@pytest.mark.parametrize("size", [16, 1023, 1024, 1025, 16 * 200, 0x10000 + 40, 0x21234])
@pytest.mark.parametrize("padded", [True, False], ids=["acpidump", "offsets without blanks"])
def test_a_table_of_many_lines_is_its_bytes(size: int, padded: bool) -> None:
    raw = large(size)
    form = text(raw, MADT)
    if not padded:
        form = b"\n".join(line.lstrip() for line in form.split(b"\n"))
    dump = split(form)
    assert [table.raw for table in dump.tables] == [raw, MADT]
    assert dump.broken is None


@pytest.mark.parametrize("line", [1, 65, 300])
@pytest.mark.parametrize(
    "worse",
    [
        lambda line: b"",
        lambda line: line.replace(b": ", b":  ", 1),
        lambda line: line.replace(b": ", b"; ", 1),
        lambda line: line[:20] + b"G" + line[21:],
        lambda line: line[:20] + line[21:],
        lambda line: line.replace(b"0:", b"1:", 1),
        lambda line: line[:58] + b"x" + line[59:],
        lambda line: line[:40] + b"\r" + line[40:],
        lambda line: line.rstrip(),
    ],
)
def test_one_line_that_differs_is_read_as_if_all_were_read_one_by_one(
    line: int, worse: Callable[[bytes], bytes]
) -> None:
    lines = text(large(16 * 400), MADT).splitlines(keepends=True)
    form = b"".join([*lines[:line], worse(lines[line].rstrip(b"\n")) + b"\n", *lines[line + 1 :]])
    assert from_text(form) == from_text(form, 0)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_lines_at_once_are_lines_one_by_one(data: st.DataObject) -> None:
    form = bytearray(text(large(16 * 150), DMAR))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(form) - 1))
        form[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b" ", b"\n", b"\r", b"\r\n", b"0", b"F", b"g", b"_", b":", b"\t"])
        )
    assert from_text(bytes(form), 1) == from_text(bytes(form), 0)
    assert from_text(bytes(form)) == from_text(bytes(form), 0)
