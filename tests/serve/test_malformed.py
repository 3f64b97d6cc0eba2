"""What is no request, or not quite one: its answer, what is logged of it, and what becomes of the
connection. By raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from pathlib import Path

import pytest

from tests.serve.test_server import GET, REPORT, Client, Running, closed, with_server

CHUNKED = b"Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Each of these is answered, or only closed on; none may say anything but by the access log.
MALFORMED = {
    "zero": b"\0\r\n\r\n",
    "text": b"hello\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "bad header": b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n",
    "bad length": b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "bad coding": b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    "endless header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000,
    "bad chunk": b"GET /-/healthy HTTP/1.1\r\n" + CHUNKED + b"zz\r\n\r\n",
    "bad chunk of a large answer": b"GET /v1/report HTTP/1.1\r\n" + CHUNKED + b"zz\r\n\r\n",
    "behind a request": GET + b"\0\r\n\r\n",
    "behind many requests": GET * 9 + b"\0\r\n\r\n",
    "behind a large answer": REPORT + b"\0\r\n\r\n",
}


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    caplog.set_level(logging.INFO, "vfioguard")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Without what is said at the start, and once a minute of all that were closed."""
    shown = (record.getMessage() for record in caplog.records)
    return [line for line in shown if not line.startswith(("listening on ", "closed connec"))]


async def ended(running: Running, request: bytes) -> bytes:
    """All that is answered until the end of the connection."""
    reader, _ = await running.connect(request)
    found = b""
    with contextlib.suppress(ConnectionResetError):  # not all of it was read
        while part := await reader.read(65536):
            found += part
    return found


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_flood_of_it_is_some_lines_with_the_peer_and_no_other_word(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(running: Running) -> None:
        for _ in range(25):
            await ended(running, MALFORMED[kind])
        assert await ended(running, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    with_server(tmp_path, test, groups=30)
    found = lines(caplog)
    assert len(found) == 20
    who = f"pid={os.getpid()} uid={os.getuid()} gid={os.getgid()}"
    assert set(found) == {f"{who} sent what is no HTTP request: 400"}


def test_a_peer_that_asks_for_another_protocol_is_answered_in_this_one_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = b"\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"

    async def test(running: Running) -> None:
        for _ in range(30):
            answer = await ended(running, GET.replace(b"\r\n\r\n", upgrade))
            assert answer.startswith(b"HTTP/1.1 200 ")

    with_server(tmp_path, test)
    assert lines(caplog) == []


def test_what_is_no_request_is_a_problem_and_the_end_of_the_connection(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        head, _, body = (await ended(running, b"\0\r\n\r\n")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"content-type: application/problem+json\r\n" in head.lower()
        assert json.loads(body)["status"] == 400

    with_server(tmp_path, test)


def test_a_request_that_is_too_long_is_told_the_bound(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        long = b"GET /v1/check?" + b"target=0000:01:00.0&" * 1500
        _, _, body = (await ended(running, long)).partition(b"\r\n\r\n")
        assert "16 KiB at most" in json.loads(body)["detail"]

    with_server(tmp_path, test)


def test_what_was_no_request_is_counted(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        for _ in range(30):
            await ended(running, b"\0\r\n\r\n")
        assert running.connections.dropped == {("unix", "malformed"): 30}

    with_server(tmp_path, test)


def test_a_request_with_both_framings_is_the_last_of_its_connection(tmp_path: Path) -> None:
    both = b"POST /-/healthy HTTP/1.1\r\nContent-Length: 6\r\n" + CHUNKED + b"0\r\n\r\n"

    async def test(running: Running) -> None:
        client: Client = await running.connect(both + GET)
        answer = await client[0].readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 405 ")
        assert b"connection: close\r\n" in answer.lower()
        assert b"HTTP/1.1" not in await client[0].read()
        assert await closed(client)

    with_server(tmp_path, test)


def test_a_bug_in_an_answer_is_a_line_and_the_end_of_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(running: Running) -> None:
        latest = running.latest
        assert latest.scan is not None

        def broken(policy: str, groups: object) -> object:
            raise ZeroDivisionError("by nothing")

        latest.publish(latest.scan._replace(under=broken), latest.view)
        request = REPORT.replace(b"/v1/report", b"/v1/groups/0?policy=iommu_capable")
        for _ in range(15):
            client = await running.connect(request)
            assert (await client[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 500 ")
            client[1].close()
        await asyncio.sleep(0)

    with_server(tmp_path, test)
    found = lines(caplog)
    assert len(found) == 20
    assert any('"GET /v1/groups/0?policy=iommu_capable" 500' in line for line in found)
    assert any("a bug in vfioguard" in line for line in found)
