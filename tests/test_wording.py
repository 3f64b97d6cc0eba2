"""The words that every face shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hosts import x86_host
from vfioguard import wording
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.reason import general_reason
from vfioguard.root.memory import Link, Memory


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1e12, "1970-01-01T00:00:00Z"),
        (253402300799.9, "9999-12-31T23:59:59Z"),
        (1e15, "9999-12-31T23:59:59Z"),
    ],
)
def test_whatever_the_clock_says_a_moment_can_be_written(seconds: float, text: str) -> None:
    assert wording.moment(seconds) == text


@pytest.mark.parametrize("name", ["e", "device", "a", "is"])
def test_a_reason_does_not_grow_with_the_names_that_are_left_out_of_it(name: str) -> None:
    host = x86_host({0: ["0000:01:00.0"]}, remapping=False)
    for number in range(60):
        host[f"/sys/kernel/iommu_groups/7/devices/x{number}"] = Link(f"../{name}")
    _, group = evaluate(take(Memory(host)), "now").groups
    assert len(group.devices) == 60
    assert len(general_reason(group)) < 300
