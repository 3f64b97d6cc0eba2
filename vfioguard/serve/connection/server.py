"""uvicorn's server on our sockets. Each has its pool and its protocol, and TCP may have TLS."""

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
from vfioguard.serve.connection.connections import (
    IDLE,
    PROBES,
    READ,
    Connection,
    Connections,
    Limits,
    Pool,
)
from vfioguard.serve.connection.listeners import CannotListen, describe
from vfioguard.serve.connection.protocol import Protocol, Tls
from vfioguard.typed import NamedTuple

#: The most seconds that an answer may take after the daemon was told to stop.
_GRACE = 3
#: Descriptors that are set aside for reading the host and the like, and for each listening socket.
#: The latter are for connections that are being closed, or are too many.
_OTHERS = 48
_UNCOUNTED = 4
#: Seconds between two looks at the deadlines, with many connections and with few.
_BUSY, _CALM = 0.1, 1.0
#: The least seconds between two log lines.
_QUIET = 60.0

_WHY = {
    "slow": "too slow",
    "pushed": "to make room",
    "full": "as there was no room",
    "tls": "without agreement on TLS",
    "malformed": "after what is no HTTP request",
}

_log = logging.getLogger("vfioguard")

#: Returns the TLS context to use. It is called for each connection, as certificates may change.
TlsNow = Callable[[], SSLContext]


class Probed(NamedTuple):
    """An application for a few sockets of its own, and these sockets."""

    app: App
    sockets: Sequence[socket.socket]


def configured(app: App) -> uvicorn.Config:
    """The configuration with which uvicorn runs `app`."""
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
    """uvicorn's server without its signal handling, which would raise the signal once more."""

    def __init__(
        self,
        app: App,
        connections: Connections,
        tls: TlsNow | None = None,
        probed: Probed | None = None,
    ) -> None:
        super().__init__(configured(app))
        self._probed = probed
        self._probes = self.config if probed is None else configured(probed.app)
        self._connections = connections
        self._tls = tls
        self._told: Counter[tuple[Pool, str]] = Counter()
        self._told_at = -_QUIET
        self._stopped = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on these sockets, and on those of the probes."""
        self.servers: list[Accepting] = []  # type: ignore[assignment]
        for listener in sockets or ():
            pool = Pool.UNIX if listener.family == socket.AF_UNIX else Pool.TCP
            make = self._plain if pool is Pool.UNIX or self._tls is None else self._secure
            self.servers.append(Accepting(listener, pool, self._connections, make))
            _log.info("listening on %s", describe(listener, tls=self._tls is not None))
        for listener in () if self._probed is None else self._probed.sockets:
            self.servers.append(Accepting(listener, Pool.PROBE, self._connections, self._probe))
            _log.info("probes are answered on %s", describe(listener))
        self.started = True

    async def main_loop(self) -> None:
        """Like uvicorn's, which wakes the processor ten times a second even without a client."""
        while not await self.on_tick(0):  # with 0 it makes the Date header anew
            pause = _BUSY if self._connections.many else _CALM
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopped.wait()

    async def on_tick(self, counter: int) -> bool:
        """Close late connections, and do what uvicorn does at each tick."""
        self._connections.sweep()
        self._tell()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the answers under way, also to clients that were accepted a moment ago.

        A client that comes from now on waits at the socket, which is systemd's, for the next
        process.
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
        """Finish the answers under way. A second call drops them."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopped.set()

    def _plain(self, connection: Connection) -> Protocol:
        return Protocol(self.config, self.server_state, connection, self._connections.buffer)

    def _probe(self, connection: Connection) -> Protocol:
        return Protocol(self._probes, self.server_state, connection, self._connections.buffer)

    def _secure(self, connection: Connection) -> Tls:
        assert self._tls is not None, "only called with TLS"
        return Tls(self._plain(connection), self._tls())

    def _tell(self) -> None:
        """Log how many connections were closed on clients, once a minute at most."""
        now, dropped = self._connections.clock(), self._connections.dropped
        if dropped == self._told or now - self._told_at < _QUIET:
            return
        new = dropped - self._told
        parts = [
            f"{new[pool, why]} of {pool} {text}"
            for pool in Pool
            for why, text in _WHY.items()
            if new[pool, why]
        ]
        _log.warning("closed connections: %s", ", ".join(parts))
        self._told, self._told_at = dropped.copy(), now


def affordable(wanted: Limits, sockets: Sequence[socket.socket], probes: int = 0) -> Limits:
    """The limits that the descriptors of this process allow (RLIMIT_NOFILE).

    The UNIX sockets are served first. They get up to half of the free descriptors, which are never
    lent to others. `probes` sockets are those of the probes. Raises `CannotListen` if too few are
    free.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    taken = len(os.listdir("/proc/self/fd")) + _OTHERS + _UNCOUNTED * (len(sockets) + probes)
    taken += PROBES if probes else 0
    free = allowed - taken
    if free < 8:
        raise CannotListen(f"{allowed} open files are too few; {taken + 8} are needed")
    unix = min(wanted.unix, free // 2)
    streams = min(wanted.streams, (free - unix) // 4)
    tcp = min(wanted.tcp, free - unix - 2 * streams)
    limits = Limits(tcp=tcp, unix=unix, streams=streams)
    if limits != wanted:
        _log.warning(
            "%d open files are allowed: at most %d connections over TCP, %d over UNIX sockets, and "
            "%d streams over each",
            allowed,
            tcp,
            unix,
            streams,
        )
    return limits
