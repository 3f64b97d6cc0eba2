"""The open connections: how many there may be, and how long a client may keep us waiting.

uvicorn has no deadline for a request, and one limit for all. While slow clients use that up, it
answers 503 to everybody. Here:

- A connection belongs to a pool: TCP, UNIX, the event streams over either, or the probes. Pools are
  counted apart, so that a flood on one does not shut out another.
- A connection is in a phase, which has a deadline. `sweep` closes the connections that are past it,
  and those whose client has taken nothing for `STALL` seconds.
- If a pool is full, `admit` makes room. It closes the connection whose client has kept us waiting
  longest for a request. If there is none, it closes the one whose client has longest taken nothing
  of its answer. So a flood of slow clients pushes out its own connections.
- If all clients of a full pool take their answers, the new connection is closed, which is cheap.

A connection is in one of two dictionaries of its pool. `_waiting` has those in a phase in which we
wait for a request, and `_busy` all others. `_stalled` has those whose client takes nothing; these
are in one of the other two as well. A dictionary keeps the order in which connections came into it,
so its first one has been there longest, and is found without a search.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, StrEnum
from itertools import chain, islice

from vfioguard.typed import NamedTuple

#: The most bytes that are read at once, and that are held of a request that we are not ready for.
_CHUNK = 16 * 1024
#: The most seconds in which a client must take a piece of an answer: 13 KiB/s is enough.
STALL = 5.0
#: A client that has taken nothing for these seconds makes room in a full pool.
_STALLED = 1.0
#: A client that has sent no request for these seconds makes room in a full pool. A request that it
#: sent at once is read some turns of the loop later; clients that come meanwhile must not push it
#: out.
READ = 0.05
#: The most connections that are closed at once. The kernel takes up to 1 ms for each, to throw away
#: what the client has not taken.
_SWEPT = 16


class Pool(StrEnum):
    """The connections that are counted together."""

    TCP = "tcp"
    UNIX = "unix"
    TCP_STREAM = "tcp-stream"
    UNIX_STREAM = "unix-stream"
    PROBE = "probe"


class Phase(Enum):
    """What a connection does: a label, the most seconds, and whether we wait for a request."""

    HANDSHAKE = "handshake", 5.0, True
    HEADERS = "headers", 5.0, True
    BODY = "body", 5.0, False
    REST = "rest", 5.0, True  # the unread rest of a request's body, after the answer was sent
    ANSWER = "answer", 60.0, False
    IDLE = "idle", math.inf, True  # uvicorn closes it politely after `IDLE` seconds
    STREAM = "stream", math.inf, False

    def __init__(self, label: str, seconds: float, waits: bool) -> None:
        self.label = label
        self.seconds = seconds
        self.waits = waits


#: Seconds that are longer than the usual minute between two scrapes. So a client of a scrape pays
#: for TLS and passwords once.
IDLE = 75.0


#: The most open connections over the addresses of the probes.
PROBES = 16


class Limits(NamedTuple):
    """The most open connections over TCP and over UNIX, and the most `streams` beside each."""

    tcp: int = 96
    unix: int = 64
    streams: int = 16


class Connection:
    """One connection. It belongs to the event loop's thread.

    `peer` is the client's address, and `names` are the names in its certificate. `since` is when
    the phase began, `deadline` when it must have ended, and `stall` when the client must have taken
    what was sent, all on the clock of `Connections`.
    """

    def __init__(self, connections: Connections, pool: Pool) -> None:
        self.pool = pool
        self.peer = "?"
        self.names: frozenset[str] = frozenset()
        self.phase = Phase.HANDSHAKE
        self.since = math.inf
        self.deadline = math.inf
        self.stall = math.inf
        self.transport: asyncio.Transport | None = None
        self._all = connections

    def open(self, transport: asyncio.Transport, phase: Phase) -> None:
        """The client is there. With TLS this is called again, with TLS as the transport."""
        self.transport = transport
        self.enter(phase)

    def enter(self, phase: Phase) -> None:
        """Begin `phase` now. A connection that has become a stream stays in that phase."""
        if self.transport is not None and self.phase is not Phase.STREAM:
            self._all.enter(self, phase)

    def stream(self) -> bool:
        """Move to the pool of streams, which have no deadline. Returns False if it is full."""
        return self.transport is not None and self._all.stream(self)

    def pause(self) -> None:
        """The client does not take what we send."""
        if not self.gone:
            self._all.pause(self)

    def resume(self) -> None:
        """The client has taken what we sent."""
        self._all.resume(self)

    @property
    def gone(self) -> bool:
        """Whether the client is gone and could not take an answer."""
        return self.transport is None

    async def turn(self) -> None:
        """Wait until this connection may go on working."""
        await self._all.turn(self.pool)

    def fail(self) -> None:
        """The TLS handshake failed."""
        self._all.dropped[self.pool, "tls"] += 1

    def malformed(self) -> None:
        """The client sent something that is not a request."""
        self._all.dropped[self.pool, "malformed"] += 1
        self._all.told(self.peer)

    def lost(self) -> None:
        """It is closed. A second call is harmless."""
        self.transport = None
        self._all.forget(self)

    def close(self) -> None:
        """Close it at once. What is not sent yet is dropped."""
        transport = self.transport
        self.lost()
        if transport is not None:
            transport.abort()


#: Why a connection was closed. The pool was full, another client pushed it out, or it was past a
#: deadline. The TLS handshake failed, or it sent something that is not a request.
REASONS = ("full", "pushed", "slow", "tls", "malformed")


class Connections:
    """All connections. It belongs to the event loop's thread.

    `clock` counts seconds. `dropped` counts the connections that were closed, by pool and by reason
    (`REASONS`). `told` is called with the peer of each client that sent something that is not a
    request.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        told: Callable[[str], None] = lambda _peer: None,
    ) -> None:
        self.clock = clock
        self.told = told
        self.limits = {
            Pool.TCP: limits.tcp,
            Pool.UNIX: limits.unix,
            Pool.TCP_STREAM: limits.streams,
            Pool.UNIX_STREAM: limits.streams,
            Pool.PROBE: PROBES,
        }
        self.dropped: Counter[tuple[Pool, str]] = Counter()
        # All connections share it, as asyncio fills it and hands it over without a pause.
        self.buffer = memoryview(bytearray(_CHUNK))
        self._turns = asyncio.Lock()
        self._waiting: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}
        self._busy: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}
        self._stalled: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}

    def count(self, pool: Pool) -> int:
        """The number of open connections in `pool`."""
        return len(self._waiting[pool]) + len(self._busy[pool])

    @property
    def many(self) -> bool:
        """Whether there are so many connections that `sweep` is due soon."""
        return sum(map(self.count, Pool)) > _SWEPT

    def admit(self, pool: Pool) -> Connection | None:
        """A new connection in `pool`. Returns None if the pool is full and no client makes room."""
        if self.count(pool) >= self.limits[pool]:
            slowest = self._slowest(pool)
            self.dropped[pool, "full" if slowest is None else "pushed"] += 1
            if slowest is None:
                return None
            slowest.close()
        connection = Connection(self, pool)
        self._busy[pool][connection] = None
        return connection

    def _slowest(self, pool: Pool) -> Connection | None:
        now = self.clock()
        waiting = next(iter(self._waiting[pool]), None)
        if waiting is not None and (waiting.phase is Phase.IDLE or now - waiting.since >= READ):
            return waiting
        stalled = next(iter(self._stalled[pool]), None)
        if stalled is not None and now >= stalled.stall - STALL + _STALLED:
            return stalled
        return None

    def enter(self, connection: Connection, phase: Phase) -> None:
        """Begin `phase` for a connection."""
        self._leave(connection)
        place = self._waiting if phase.waits else self._busy
        place[connection.pool][connection] = None
        connection.phase = phase
        connection.since = self.clock()
        connection.deadline = connection.since + phase.seconds

    def pause(self, connection: Connection) -> None:
        """The client takes nothing of what is sent, from now on."""
        connection.stall = self.clock() + STALL
        self._stalled[connection.pool][connection] = None

    def resume(self, connection: Connection) -> None:
        """The client takes it again."""
        connection.stall = math.inf
        self._stalled[connection.pool].pop(connection, None)

    def stream(self, connection: Connection) -> bool:
        """Move a connection to the streams. Returns False if there is no room."""
        streams = Pool.UNIX_STREAM if connection.pool is Pool.UNIX else Pool.TCP_STREAM
        if self.count(streams) >= self.limits[streams]:
            return False
        self.forget(connection)
        connection.pool = streams
        self.enter(connection, Phase.STREAM)
        return True

    async def turn(self, pool: Pool) -> None:
        """Wait for a turn. In each turn of the loop one TCP connection goes on, in order.

        Probes and UNIX connections do not wait. A request over a UNIX socket takes about five turns
        of the loop, and would otherwise stand behind all TCP connections in each of them.
        """
        if pool is Pool.TCP:
            async with self._turns:
                await asyncio.sleep(0)

    def forget(self, connection: Connection) -> None:
        """Count a connection no more."""
        self._leave(connection)
        self._stalled[connection.pool].pop(connection, None)

    def _leave(self, connection: Connection) -> None:
        self._waiting[connection.pool].pop(connection, None)
        self._busy[connection.pool].pop(connection, None)

    def sweep(self) -> None:
        """Close a few of the connections that are late. The server calls it each second or so."""
        now = self.clock()
        places = chain(*self._waiting.values(), *self._busy.values())
        late = (
            connection for connection in places if min(connection.deadline, connection.stall) <= now
        )
        for connection in list(islice(late, _SWEPT)):
            self.dropped[connection.pool, "slow"] += 1
            connection.close()

    def close_waiting(self) -> None:
        """Close the connections that have sent no request."""
        for place in self._waiting.values():
            for connection in list(place):
                connection.close()
