"""The server on a real socket, with a clock that passes only when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.serve.serving import Clock, latest_of, scan_of
from tests.support.hosts import x86_host
from vfioguard.serve.connection.connections import Connections, Limits, Pool
from vfioguard.serve.connection.listeners import CannotListen, Listeners
from vfioguard.serve.connection.server import Server, affordable
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.http.front import Admission
from vfioguard.serve.http.routes import build
from vfioguard.serve.telling.change_teller import ChangeTeller

GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
REPORT = b"GET /v1/report HTTP/1.1\r\nHost: localhost\r\n\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Running:
    """A server within the test's own loop."""

    def __init__(self, groups: int) -> None:
        self.clock = Clock()
        access = Access(clock=self.clock)
        self.connections = Connections(Limits(4, 4, 1), self.clock, access.malformed)
        self.latest = latest_of(scan_of(x86_host(groups)), clock=self.clock)
        app = build(self.latest, ChangeTeller(), Admission(access=access))
        self.server = Server(app, self.connections)
        self.path = ""
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, first: bytes = b"", limit: int = 65536) -> Client:
        reader, writer = await asyncio.open_unix_connection(self.path, limit=limit)
        self._writers.append(writer)
        writer.write(first)
        return reader, writer

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def until(self, pool: Pool, number: int) -> None:
        """So many connections are counted, and begun."""
        begun = self.server.server_state.connections
        while not self.connections.count(pool) == len(begun) == number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def pass_seconds(self, seconds: float) -> None:
        self.clock.now += seconds
        await self.server.on_tick(0)


@contextlib.asynccontextmanager
async def running(path: Path, groups: int) -> AsyncIterator[Running]:
    found = Running(groups)
    found.path = f"{path}/s"
    with Listeners([f"unix:{found.path}"]) as listeners:
        task = asyncio.create_task(found.server.serve(listeners.sockets))
        while not found.server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
        try:
            yield found
        finally:
            await found.hang_up()
            found.server.stop()
            found.server.stop()
            await task


def with_server(path: Path, test: Callable[[Running], Awaitable[None]], groups: int = 1) -> None:
    async def go() -> None:
        async with running(path, groups) as found:
            await test(found)

    asyncio.run(asyncio.wait_for(go(), 30))


async def answered(client: Client, request: bytes = GET) -> None:
    reader, writer = client
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
    await reader.readexactly(int(length.split()[1]))


async def closed(client: Client, seconds: float = 20.0) -> bool:
    """Whether it is, or will be in so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while await client[0].read(65536):
                pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    ],
    ids=["silent", "headers", "body", "chunks"],
)
def test_a_request_that_does_not_end_is_cut_off(tmp_path: Path, first: bytes) -> None:
    async def test(found: Running) -> None:
        slow = await found.connect(first)
        await found.until(Pool.UNIX, 1)
        assert not await closed(slow, 0.1)
        await found.pass_seconds(6)
        assert await closed(slow)
        await found.until(Pool.UNIX, 0)

    with_server(tmp_path, test)


def test_a_trickle_does_not_put_the_deadline_off(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        slow = await found.connect(b"GET / HTTP/1.1\r\n")
        for _ in range(4):
            slow[1].write(b"X: y\r\n")
            await asyncio.sleep(0.02)
            await found.pass_seconds(1.5)
        assert await closed(slow)

    with_server(tmp_path, test)


def test_every_request_of_a_connection_has_a_deadline_of_its_own(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        client = await found.connect()
        for _ in range(3):
            await found.pass_seconds(4)
            await answered(client)
        client[1].write(GET[:20])
        await asyncio.sleep(0.05)
        await found.pass_seconds(6)
        assert await closed(client)

    with_server(tmp_path, test)


def test_an_idle_client_is_kept_between_two_scrapes(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        client = await found.connect()
        await answered(client)
        await found.pass_seconds(60)
        await answered(client)

    with_server(tmp_path, test)


def test_an_idle_client_makes_room(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        idle = await found.connect()
        await answered(idle)
        for _ in range(4):
            await answered(await found.connect())
        assert await closed(idle)
        assert found.connections.count(Pool.UNIX) == 4

    with_server(tmp_path, test)


def test_who_does_not_read_is_cut_off_and_holds_one_piece(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        slow = await found.connect(REPORT, limit=1024)
        await found.until(Pool.UNIX, 1)
        transport = next(iter(found.server.server_state.connections)).transport
        while not transport.get_write_buffer_size():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert 0 < transport.get_write_buffer_size() <= 64 * 1024
        await found.pass_seconds(6)
        await found.until(Pool.UNIX, 0)
        assert slow

    with_server(tmp_path, test, groups=1024)


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        client = await found.connect(GET * 300)
        for _ in range(300):
            await answered(client, b"")

    with_server(tmp_path, test)


def test_the_whole_of_a_large_answer_arrives(tmp_path: Path) -> None:
    async def test(found: Running) -> None:
        client = await found.connect()
        await answered(client, REPORT)
        await answered(client)

    with_server(tmp_path, test, groups=256)


def test_what_was_closed_is_told_in_one_line_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(found: Running) -> None:
        for _ in range(3):
            await found.connect()
        await found.until(Pool.UNIX, 3)
        await found.pass_seconds(6)
        await found.until(Pool.UNIX, 0)
        await found.pass_seconds(0.5)
        await found.connect()
        await found.until(Pool.UNIX, 1)
        await found.pass_seconds(6)
        await found.pass_seconds(10)
        assert lines() == ["closed connections: 3 of unix too slow"]
        await found.pass_seconds(60)
        assert lines()[1:] == ["closed connections: 1 of unix too slow"]

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    with_server(tmp_path, test)


def test_the_descriptors_of_the_process_bound_the_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    there_are = len(os.listdir("/proc/self/fd"))
    with socket.socket() as one:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (there_are + 153, hard))
            few = affordable(Limits(), [one])
            assert few.unix == Limits().unix - 14  # half of what is left
            assert few.tcp + few.unix + 2 * few.streams == 100
            resource.setrlimit(resource.RLIMIT_NOFILE, (there_are + 20, hard))
            with pytest.raises(CannotListen, match="open files are too few"):
                affordable(Limits(), [one])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert affordable(Limits(), [one]) == Limits()


@pytest.mark.parametrize("turns", range(1, 9))
def test_whoever_was_taken_before_the_server_stops_is_answered(tmp_path: Path, turns: int) -> None:
    async def test(running: Running) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(running.path)
            client.sendall(GET)
            for _ in range(turns):
                await asyncio.sleep(0)
            running.server.stop()
            client.setblocking(False)
            answer = await asyncio.get_running_loop().sock_recv(client, 65536)
            assert answer.startswith(b"HTTP/1.1 200 ")

    with_server(tmp_path, test)
