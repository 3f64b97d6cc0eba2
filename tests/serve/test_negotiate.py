"""Accept and Accept-Encoding by RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard.serve.http.negotiate import accepts_gzip, media_type

OFFERED = ("application/json", "text/plain", "application/x-other")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/plain", "text/plain"),
        ("TEXT/Plain; charset=utf-8", "text/plain"),
        ("text/*", "text/plain"),
        ("text/plain, */*", "text/plain"),
        ("text/plain;q=0.5, */*", "application/json"),
        ("text/plain;q=0.5, application/json;q=0.4", "text/plain"),
        ("application/json;q=0, */*", "text/plain"),
        ("application/*", "application/json"),
        ("image/png", "application/json"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/plain;q=nan", "application/json"),
        ("text/plain;q=", "application/json"),
        (";;,,/", "application/json"),
    ],
)
def test_the_wanted_type_is_served(accept: str, chosen: str) -> None:
    assert media_type(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("identity", False),
        ("*", False),
        ("", False),
    ],
)
def test_gzip_is_served_where_it_is_named(header: str, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    assert media_type(header, OFFERED) in OFFERED
    assert accepts_gzip(header) in {True, False}
