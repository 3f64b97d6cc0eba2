"""Readings: a fact with its source, or a gap that says why there is none."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard.fact import Fact, Gap, Malformed, Why, gap_from, parse, printable, value_or
from vfioguard.root import first, listing, text
from vfioguard.root.memory import Memory


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOENT, Why.ABSENT),
        (errno.ENOTDIR, Why.ABSENT),
        (errno.EACCES, Why.DENIED),
        (errno.EPERM, Why.DENIED),
        (errno.EIO, Why.FAILED),
        (errno.ENODEV, Why.FAILED),
        (errno.ENXIO, Why.FAILED),
        (errno.EAGAIN, Why.FAILED),
        (errno.ELOOP, Why.FAILED),
        (errno.EFBIG, Why.FAILED),
    ],
)
def test_a_failed_call_leaves_a_gap_with_its_errno(number: int, why: Why) -> None:
    gap = gap_from(OSError(number, "whatever it says"), "/sys/x")
    assert (gap.why, gap.source, gap.errno) == (why, "/sys/x", errno.errorcode[number])


@pytest.mark.parametrize("error", [OSError("no number"), OSError(524, "ENOTSUPP")])
def test_an_errno_without_a_name_is_a_failure(error: OSError) -> None:
    gap = gap_from(error, "/sys/x")
    assert (gap.why, gap.errno) == (Why.FAILED, None)
    assert gap.detail


def test_the_same_errno_gives_the_same_gap_whoever_raised_it() -> None:
    one, two = (gap_from(OSError(errno.EIO, text), "/sys/x") for text in ("one", "two"))
    assert one == two


def test_a_parser_that_says_malformed_leaves_a_gap() -> None:
    def refuse(_raw: bytes) -> int:
        raise Malformed("never")

    assert parse(b"x", "/sys/x", refuse) == Gap(Why.MALFORMED, "/sys/x", "never")


def test_a_fact_keeps_its_bytes() -> None:
    assert parse(b"1\n", "/sys/x", int) == Fact(1, b"1\n", "/sys/x")


def test_a_bug_of_a_parser_is_no_gap() -> None:
    with pytest.raises(ZeroDivisionError):
        parse(b"", "/sys/x", lambda raw: 1 // len(raw))


def test_a_value_for_display_has_a_default() -> None:
    assert value_or(Fact(1, b"1", ""), 2) == 1
    assert value_or(Gap(Why.ABSENT, "", ""), 2) == 2


_ANY = st.text(st.characters()) | st.binary().map(lambda raw: raw.decode(errors="surrogateescape"))


@given(_ANY)
def test_a_printable_name_can_be_printed_anywhere(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert shown.isascii()


@given(_ANY)
def test_what_is_printable_stays_itself(name: str) -> None:
    shown = printable(name)
    assert printable(shown) == shown
    assert (shown == name) is (name.isascii() and name.isprintable())


def test_bytes_of_another_encoding_are_shown_as_such() -> None:
    assert printable("caf\udce9\x1b[31m") == "caf\\xe9\\x1b[31m"
    assert printable("\u202e") == "\\xe2\\x80\\xae"


@pytest.mark.parametrize(
    ("raw", "line"), [(b"DMA\n", "DMA"), (b"DMA", "DMA"), (b"\n", ""), (b"", ""), (b"a b\n", "a b")]
)
def test_an_attribute_is_one_line(raw: bytes, line: str) -> None:
    assert text(raw) == line


@pytest.mark.parametrize("raw", [b"a\nb\n", b"a\n\n", b"\x1b[31m\n", b"\xc3\xa9\n", b"a\0b", b"\t"])
def test_an_attribute_that_is_no_line_of_ascii_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        text(raw)


FACT = Fact(1, b"1", "/a")
ABSENT, DENIED = Gap(Why.ABSENT, "/b", ""), Gap(Why.DENIED, "/c", "")


def test_the_first_fact_wins_else_the_gap_that_is_more_than_absence() -> None:
    assert first((ABSENT, DENIED, FACT)) is FACT
    assert first((ABSENT, DENIED)) is DENIED
    assert first((ABSENT, ABSENT)) is ABSENT


def test_a_listing_is_sorted_and_its_names_are_its_bytes() -> None:
    root = Memory({"/d/b": b"", "/d/a": b"", "/d/caf\udce9": b""})
    assert listing(root, "/d") == Fact(("a", "b", "caf\udce9"), b"a\nb\ncaf\xe9", "/d")
