"""The address of the probes: it answers everybody, and says nothing of the host."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import resource
from pathlib import Path

import httpx
import pytest

from tests.cli.test_cli import vfioguard
from tests.serve.test_daemon import daemon
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.serve.connection.connections import PROBES, Connections, Limits, Pool
from vfioguard.serve.connection.server import affordable
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.http.probes import Probes

OTHERS = (
    "/", "/metrics", "/v1/report", "/v1/groups", "/v1/check/group:0", "/v1/events", "/openapi.json",
    "/-/", "/-/ready/", "//-/ready", "/-/healthy/../ready",
)  # fmt: skip


def ask(path: str, *, ready: bool = True, method: str = "GET") -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(Probes(lambda: ready, Access(every=True)))
        async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
            return await client.request(method, path)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("path", "ready", "status", "text"),
    [
        ("/-/healthy", True, 200, "healthy\n"),
        ("/-/healthy", False, 200, "healthy\n"),
        ("/-/ready", True, 200, "ready\n"),
        ("/-/ready?verbose", True, 200, "ready\n"),
        ("/-/ready", False, 503, "not ready\n"),
    ],
)
def test_an_answer_is_a_status_and_a_word(path: str, ready: bool, status: int, text: str) -> None:
    response = ask(path, ready=ready)
    assert (response.status_code, response.text) == (status, text)
    assert set(response.headers) == {
        "content-type", "content-length", "cache-control", "x-content-type-options",
    }  # fmt: skip


@pytest.mark.parametrize("path", OTHERS[:-1])  # httpx itself resolves the last
@pytest.mark.parametrize("ready", [True, False])
def test_no_other_path_is_there(path: str, ready: bool) -> None:
    response = ask(path, ready=ready)
    assert (response.status_code, response.text) == (404, "not found\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_sent(method: str) -> None:
    response = ask("/-/ready", method=method)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_the_access_log_has_a_line_for_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vfioguard")
    ask("/-/ready", ready=False)
    ask("/metrics")
    assert [record.getMessage() for record in caplog.records if record.name == "vfioguard"] == [
        '? "GET /-/ready" 503', '? "GET /metrics" 404',
    ]  # fmt: skip


def test_a_daemon_answers_probes_of_others_and_nothing_else(tmp_path: Path) -> None:
    """The daemon refuses to listen like that otherwise: tests/serve/test_secured.py."""
    root = write(tmp_path / "host", x86_host(2))
    with daemon(root, "--web.probe-address", "0.0.0.0:0", "--uevents", "off") as running:
        port = int(running.wait_for(r"probes are answered on http://0\.0\.0\.0:(\d+)"))
        running.wait_for("2 allowed of 2 IOMMU groups")

        def told(method: str, path: str) -> tuple[int, bytes]:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            client.request(method, path, headers={"Host": "evil.example"})
            response = client.getresponse()
            body = response.read()
            client.close()
            return response.status, body

        assert told("GET", "/-/healthy") == (200, b"healthy\n")
        assert told("GET", "/-/ready") == (200, b"ready\n")
        assert told("HEAD", "/-/ready") == (200, b"")
        for path in OTHERS:
            assert told("GET", path) == (404, b"not found\n")
        assert running.stop() == 0


def test_a_flood_of_probes_takes_no_place_of_others_and_others_take_none_of_theirs() -> None:
    connections = Connections(Limits(tcp=1, unix=1))
    assert all(connections.admit(Pool.PROBE) for _ in range(PROBES))
    assert connections.admit(Pool.PROBE) is None
    assert connections.admit(Pool.TCP) is not None
    assert connections.admit(Pool.TCP) is None
    assert connections.dropped[Pool.PROBE, "full"] == 1


def test_descriptors_are_set_aside_only_if_there_are_probes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 153, hard))
        without, beside = affordable(Limits(), []), affordable(Limits(), [], 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    lost = sum((*without, without.streams)) - sum((*beside, beside.streams))
    assert PROBES <= lost <= PROBES + 8


@pytest.mark.parametrize("value", ["unix:/run/x", "unix:1", "18347", "host", "[::1:18347"])
def test_only_an_address_of_tcp_can_be_one(value: str) -> None:
    result = vfioguard("serve", "--web.probe-address", value, "--config.check")
    assert result.returncode == 3
    assert "is not HOST:PORT or [IPv6]:PORT" in result.stderr
