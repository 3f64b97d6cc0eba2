"""The open connections: how many there may be, and how long one may keep us waiting.

uvicorn has no deadline for a request, and its one limit answers 503 to everybody while slow clients
hold it. Here TCP, UNIX and streams are counted apart, so that no flood on one shuts out another.
Where a pool is full, the client that has kept us waiting longest makes room for the new one, for a
request or else to take an answer: a flood of slow clients pushes out its own. Where all take their
answers the new one is closed, which is cheap.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, StrEnum
from itertools import chain, islice
from typing import NamedTuple

#: Bytes that are read at once, and so the most that is held of a request we are not ready for.
_CHUNK = 16 * 1024
#: Seconds in which a client must take a piece of an answer: 13 KiB/s is enough.
STALL = 5.0
#: Seconds of it after which the client makes room where there is none.
_STALLED = 1.0
#: Seconds after which a client without a request makes room: what it sent at once is read some
#: turns of the loop later, and those who come meanwhile must not push it out.
READ = 0.05
#: Closed at once: the kernel takes up to 1 ms to throw away what was not taken.
_SWEPT = 16


class Pool(StrEnum):
    """What is counted apart."""

    TCP = "tcp"
    UNIX = "unix"
    TCP_STREAM = "tcp-stream"
    UNIX_STREAM = "unix-stream"


class Phase(Enum):
    """What a connection does, the seconds it may take, and whether it has asked for nothing."""

    HANDSHAKE = "handshake", 5.0, True
    HEADERS = "headers", 5.0, True
    BODY = "body", 5.0, False
    REST = "rest", 5.0, True  # of a body that nobody waits for, behind its answer
    ANSWER = "answer", 60.0, False
    IDLE = "idle", math.inf, True  # uvicorn closes it politely, after `IDLE` seconds
    STREAM = "stream", math.inf, False

    def __init__(self, label: str, seconds: float, waits: bool) -> None:
        self.label = label
        self.seconds = seconds
        self.waits = waits


#: Longer than the usual minute between two scrapes, so that TLS and passwords are paid for once.
IDLE = 75.0


class Limits(NamedTuple):
    """The most open connections over TCP and over UNIX; `streams` beside them, over each."""

    tcp: int = 96
    unix: int = 64
    streams: int = 16


class Connection:
    """One of them. `peer` is who is at the other end, `names` what its certificate says."""

    def __init__(self, all_of_them: Connections, pool: Pool) -> None:
        self.pool = pool
        self.peer = "?"
        self.names: frozenset[str] = frozenset()
        self.phase = Phase.HANDSHAKE
        self.since = math.inf  # when the phase began
        self.deadline = math.inf
        self.stall = math.inf
        self.transport: asyncio.Transport | None = None
        self._all = all_of_them

    def open(self, transport: asyncio.Transport, phase: Phase) -> None:
        """There is a client. Called again where there is TLS, with that as the transport."""
        self.transport = transport
        self.enter(phase)

    def enter(self, phase: Phase) -> None:
        """The time of this phase begins now."""
        if self.transport is not None and self.phase is not Phase.STREAM:
            self._all.enter(self, phase)

    def stream(self) -> bool:
        """Leave its pool for that of the streams, which have no deadline: whether there is room."""
        return self.transport is not None and self._all.stream(self)

    def pause(self) -> None:
        """The client does not take what we send."""
        if not self.gone:
            self._all.pause(self)

    def resume(self) -> None:
        """It has taken it."""
        self._all.resume(self)

    @property
    def gone(self) -> bool:
        """Whether nobody is there who could take an answer."""
        return self.transport is None

    async def turn(self) -> None:
        """Wait until this connection may go on working."""
        await self._all.turn(self.pool)

    def fail(self) -> None:
        """TLS could not be agreed upon."""
        self._all.dropped[self.pool, "tls"] += 1

    def malformed(self) -> None:
        """What came is no request."""
        self._all.dropped[self.pool, "malformed"] += 1
        self._all.told(self.peer)

    def lost(self) -> None:
        """It is no more. Harmless when done twice."""
        self.transport = None
        self._all.forget(self)

    def close(self) -> None:
        """At once: what is not sent yet is not sent."""
        transport = self.transport
        self.lost()
        if transport is not None:
            transport.abort()


#: Why a connection is closed: no room; to make room; a deadline; no agreement on TLS; no request.
REASONS = ("full", "pushed", "slow", "tls", "malformed")


class Connections:
    """All of them. Belongs to the event loop's thread; `clock` counts seconds.

    `dropped` counts what was closed by pool and reason, of `REASONS`; `told` is told of each peer
    that sent what is no request.
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
        }
        self.dropped: Counter[tuple[Pool, str]] = Counter()
        # One for all: asyncio fills it and hands it over without a pause.
        self.buffer = memoryview(bytearray(_CHUNK))
        self._turns = asyncio.Lock()
        # Dictionaries for their order: the first is there for longest. The stalled are busy too.
        self._waiting: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}
        self._busy: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}
        self._stalled: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}

    def count(self, pool: Pool) -> int:
        """How many are open."""
        return len(self._waiting[pool]) + len(self._busy[pool])

    @property
    def many(self) -> bool:
        """Whether there are more than a few, so that `sweep` is due soon."""
        return sum(map(self.count, Pool)) > _SWEPT

    def admit(self, pool: Pool) -> Connection | None:
        """One more, if need be by closing the one that has kept us waiting longest."""
        if self.count(pool) >= self.limits[pool]:
            slowest = self._slowest(pool)
            self.dropped[pool, "full" if slowest is None else "pushed"] += 1
            if slowest is None:
                return None
            slowest.close()
        one = Connection(self, pool)
        self._busy[pool][one] = None
        return one

    def _slowest(self, pool: Pool) -> Connection | None:
        now = self.clock()
        waiting = next(iter(self._waiting[pool]), None)
        if waiting is not None and (waiting.phase is Phase.IDLE or now - waiting.since >= READ):
            return waiting
        stalled = next(iter(self._stalled[pool]), None)
        if stalled is not None and now >= stalled.stall - STALL + _STALLED:
            return stalled
        return None

    def enter(self, one: Connection, phase: Phase) -> None:
        """Begin a phase."""
        self._leave(one)
        place = self._waiting if phase.waits else self._busy
        place[one.pool][one] = None
        one.phase = phase
        one.since = self.clock()
        one.deadline = one.since + phase.seconds

    def pause(self, one: Connection) -> None:
        """It does not take what is sent, from now on."""
        one.stall = self.clock() + STALL
        self._stalled[one.pool][one] = None

    def resume(self, one: Connection) -> None:
        """It does again."""
        one.stall = math.inf
        self._stalled[one.pool].pop(one, None)

    def stream(self, one: Connection) -> bool:
        """Move it to the streams, where there is room."""
        streams = Pool.UNIX_STREAM if one.pool is Pool.UNIX else Pool.TCP_STREAM
        if self.count(streams) >= self.limits[streams]:
            return False
        self.forget(one)
        one.pool = streams
        self.enter(one, Phase.STREAM)
        return True

    async def turn(self, pool: Pool) -> None:
        """Wait; over TCP one goes on in a turn of the loop, in the order in which they came.

        A request over a UNIX socket takes some five turns, and would in each stand behind all
        of TCP. UNIX itself does not wait.
        """
        if pool is Pool.TCP:
            async with self._turns:
                await asyncio.sleep(0)

    def forget(self, one: Connection) -> None:
        """Count it no more."""
        self._leave(one)
        self._stalled[one.pool].pop(one, None)

    def _leave(self, one: Connection) -> None:
        self._waiting[one.pool].pop(one, None)
        self._busy[one.pool].pop(one, None)

    def sweep(self) -> None:
        """Close those that are over their time, a few at once; to be called each second or so."""
        now = self.clock()
        places = chain(*self._waiting.values(), *self._busy.values())
        late = (one for one in places if min(one.deadline, one.stall) <= now)
        for one in list(islice(late, _SWEPT)):
            self.dropped[one.pool, "slow"] += 1
            one.close()

    def close_waiting(self) -> None:
        """Close those of which no request has come."""
        for place in self._waiting.values():
            for one in list(place):
                one.close()
