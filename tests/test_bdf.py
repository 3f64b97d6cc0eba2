"""PCI addresses print as the kernel prints them, and are read as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.kernel.devices import is_pci

bdfs = st.builds(
    Bdf, st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7)
)


@given(bdfs)
def test_what_is_printed_is_read_back(bdf: Bdf) -> None:
    assert parse_bdf(str(bdf)) == bdf


@given(bdfs)
def test_what_is_printed_is_a_name_of_the_kernel(bdf: Bdf) -> None:
    assert is_pci(str(bdf))


@given(bdfs)
def test_upper_case_is_read_as_well(bdf: Bdf) -> None:
    assert parse_bdf(str(bdf).upper()) == bdf


@pytest.mark.parametrize(
    ("text", "bdf"),
    [
        ("0000:00:02.1", Bdf(0, 0, 2, 1)),
        ("00:02.1", Bdf(0, 0, 2, 1)),
        ("41:00.0", Bdf(0, 0x41, 0, 0)),
        ("10000:e1:00.0", Bdf(0x10000, 0xE1, 0, 0)),
        ("001f:00:1f.7", Bdf(0x1F, 0, 31, 7)),
    ],
)
def test_an_address_with_or_without_its_domain(text: str, bdf: Bdf) -> None:
    assert parse_bdf(text) == bdf


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "00:02", "00:20.0", "00:02.8", "000:00:02.0", "0000:00:02:1", "0000:00:02.0 ",
        "0000:00:02.0\n", "PNP0103:00", "00:02.\u0661", "g0:02.1", "123456789:00:02.0",
    ],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_bdf(text) is None


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    parse_bdf(text)
