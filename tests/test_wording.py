"""The words that every face shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard import wording


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"N\n", '"N"'),
        (b"", '""'),
        (b"arm,gic-v3-its\0", '"arm,gic-v3-its"'),
        (b"vendor,board\0vendor,soc\0", '"vendor,board, vendor,soc"'),
        (b"one\ntwo\n", '"one; two"'),
        (b"\0\0\x80\x03\0\0\0\x41", "<00008003 00000041>"),
        (b"\x1b[2J", "<1b5b324a>"),
        (b"x" * 121, '"' + "x" * 120 + '" ...'),
    ],
)
def test_what_a_file_held_fits_on_a_line(raw: bytes, shown: str) -> None:
    assert wording.raw_text(raw) == shown


@given(st.binary(max_size=400))
def test_no_bytes_trick_a_terminal(raw: bytes) -> None:
    shown = wording.raw_text(raw)
    assert shown.isprintable()
    assert shown.isascii()


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([3], "3"), ([0, 1, 2, 3, 7, 9, 10], "0-3, 7, 9-10"), ([1, 3, 5], "1, 3, 5")],
)
def test_numbers_are_folded_into_ranges(numbers: list[int], text: str) -> None:
    assert wording.ranges(numbers) == text
