"""uvicorn's server on our sockets: each with its pool, its protocol and, where it is TCP, TLS."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from ssl import SSLContext

import uvicorn

from vfioguard.serve.asgi import App
from vfioguard.serve.connection.accepting import Accepting
from vfioguard.serve.connection.connections import IDLE, READ, Connection, Connections, Limits, Pool
from vfioguard.serve.connection.listeners import CannotListen, describe
from vfioguard.serve.connection.protocol import Protocol, Tls

#: Seconds that an answer under way may still take when the daemon is told to stop.
_GRACE = 3
#: Descriptors for reading the host and the like; and those of a connection about to be closed, or
#: of one too many, for each listening socket.
_OTHERS = 48
_UNCOUNTED = 4
#: Seconds between two looks at the deadlines, with many connections and with few.
_BUSY, _CALM = 0.1, 1.0
#: Seconds between two log lines.
_QUIET = 60.0

_WHY = {
    "slow": "too slow",
    "pushed": "to make room",
    "full": "as there was no room",
    "tls": "without agreement on TLS",
    "malformed": "after what is no HTTP request",
}

_log = logging.getLogger("vfioguard")

#: What TLS is with now; asked for each connection, so that certificates can be changed.
TlsNow = Callable[[], SSLContext]


def configured(app: App) -> uvicorn.Config:
    """How uvicorn runs it."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(IDLE),
        timeout_graceful_shutdown=_GRACE,
    )


class Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal again."""

    def __init__(self, app: App, connections: Connections, tls: TlsNow | None = None) -> None:
        super().__init__(configured(app))
        self._connections = connections
        self._tls = tls
        self._told: Counter[tuple[Pool, str]] = Counter()
        self._told_at = -_QUIET
        self._stopped = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on these."""
        self.servers: list[Accepting] = []  # type: ignore[assignment]
        for one in sockets or ():
            pool = Pool.UNIX if one.family == socket.AF_UNIX else Pool.TCP
            make = self._plain if pool is Pool.UNIX or self._tls is None else self._secure
            self.servers.append(Accepting(one, pool, self._connections, make))
            _log.info("listening on %s", describe(one, tls=self._tls is not None))
        self.started = True

    async def main_loop(self) -> None:
        """As uvicorn's, which wakes the processor ten times a second whoever is there."""
        while not await self.on_tick(0):  # 0: the Date header is made anew every time
            pause = _BUSY if self._connections.many else _CALM
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopped.wait()

    async def on_tick(self, counter: int) -> bool:
        """What uvicorn does every time, and the deadlines."""
        self._connections.sweep()
        self._tell()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way, for who has been taken already too.

        Whoever comes from now on waits at the socket, which is systemd's, for the next process.
        """
        for server in self.servers:
            server.close()
        await asyncio.sleep(READ)
        self._connections.close_waiting()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to the daemon."""
        yield

    def stop(self) -> None:
        """Finish what is under way, or, when asked again, not even that."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopped.set()

    def _plain(self, connection: Connection) -> Protocol:
        return Protocol(self.config, self.server_state, connection, self._connections.buffer)

    def _secure(self, connection: Connection) -> Tls:
        assert self._tls is not None, "asked where there is TLS"
        return Tls(self._plain(connection), self._tls())

    def _tell(self) -> None:
        """Log what was closed on clients, once a minute at most however many there were."""
        now, dropped = self._connections.clock(), self._connections.dropped
        if dropped == self._told or now - self._told_at < _QUIET:
            return
        new = dropped - self._told
        said = [
            f"{new[pool, why]} of {pool} {text}"
            for pool in Pool
            for why, text in _WHY.items()
            if new[pool, why]
        ]
        _log.warning("closed connections: %s", ", ".join(said))
        self._told, self._told_at = dropped.copy(), now


def affordable(wanted: Limits, sockets: Sequence[socket.socket]) -> Limits:
    """The limits that the descriptors of this process allow (RLIMIT_NOFILE).

    The UNIX sockets are served first: no more than half of what there is, and what they need is
    never lent to others. Raises `CannotListen` where nothing would be left.
    """
    there_are, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if there_are == resource.RLIM_INFINITY:
        return wanted
    taken = len(os.listdir("/proc/self/fd")) + _OTHERS + _UNCOUNTED * len(sockets)
    free = there_are - taken
    if free < 8:
        raise CannotListen(f"{there_are} open files are too few; {taken + 8} are needed")
    unix = min(wanted.unix, free // 2)
    streams = min(wanted.streams, (free - unix) // 4)
    tcp = min(wanted.tcp, free - unix - 2 * streams)
    found = Limits(tcp, unix, streams)
    if found != wanted:
        _log.warning(
            "%d open files are allowed: at most %d connections over TCP, %d over UNIX sockets, and "
            "%d streams over each",
            there_are,
            *found,
        )
    return found
