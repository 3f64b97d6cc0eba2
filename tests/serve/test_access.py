"""The access log."""

from __future__ import annotations

import logging

import pytest

from tests.serve.serving import Clock
from vfioguard.serve.http.access_log import Access

WHO = "127.0.0.1:4000"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vfioguard")


def test_a_line_says_who_asked_for_what_and_the_status(caplog: pytest.LogCaptureFixture) -> None:
    access = Access(every=True)
    access.note(WHO, "admin", ("GET", b"/v1/groups", b"outcome=refused"), 200)
    access.note("pid=7 uid=1000 gid=107", "", ("GET", b"/-/ready", b""), 503)
    assert lines(caplog) == [
        '127.0.0.1:4000 user=admin "GET /v1/groups?outcome=refused" 200',
        'pid=7 uid=1000 gid=107 "GET /-/ready" 503',
    ]


def test_only_who_is_turned_away_is_logged_where_it_is_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    access = Access()
    for status in (200, 304, 404, 409, 503, 401):
        access.note(WHO, "", ("GET", b"/", b""), status)
    assert lines(caplog) == [f'{WHO} "GET /" 401']


def test_nothing_that_a_client_says_can_look_like_a_line_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    access = Access(every=True)
    access.note(WHO, 'x" 200\nvfioguard: all is well\x1b[2J', ("GET", b'/"\n\x1b\xff', b'"'), 200)
    (line,) = lines(caplog)
    assert line.isascii()
    assert line.isprintable()
    assert line.count('"') == 2


def test_a_long_path_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    Access(every=True).note(WHO, "", ("GET", b"/" + b"x" * 9000, b""), 200)
    assert len(lines(caplog)[0]) < 300


def test_a_flood_of_refusals_is_a_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    access = Access(clock=clock)
    for _ in range(1000):
        access.note(WHO, "", ("GET", b"/", b""), 400)
    assert len(lines(caplog)) == 20
    clock.now += 1
    access.note(WHO, "", ("GET", b"/", b""), 400)
    assert lines(caplog)[20:] == [
        "980 requests turned away are not shown",
        f'{WHO} "GET /" 400',
    ]
