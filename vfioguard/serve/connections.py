"""The open connections: how many there may be, and how long one may keep us waiting.

uvicorn has no deadline for a request, and its one limit answers 503 to everybody while slow clients
hold it. Here TCP, UNIX and streams are counted apart, so that no flood on one shuts out another;
and where a pool is full, the client that has kept us waiting longest makes room for the new one: a
flood of slow clients pushes out its own, and who sends a request at once is answered in the middle
of it. Who has sent one is not pushed out: where all have, the new one is closed, which is cheap.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, StrEnum
from typing import NamedTuple

#: Bytes that are read at once, and so the most that is held of a request we are not ready for.
_CHUNK = 16 * 1024
#: Seconds in which a client must take a piece of an answer: 13 KiB/s is enough.
STALL = 5.0


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
        self.stall = self._all.clock() + STALL

    def resume(self) -> None:
        """It has taken it."""
        self.stall = math.inf

    def fail(self) -> None:
        """TLS could not be agreed upon."""
        self._all.dropped[self.pool, "tls"] += 1

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


class Connections:
    """All of them. Belongs to the event loop's thread; `clock` counts seconds.

    `dropped` counts what was closed by pool and reason: `full` (no room), `pushed` (to make room),
    `slow` (a deadline), `tls` (no agreement).
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.limits = {
            Pool.TCP: limits.tcp,
            Pool.UNIX: limits.unix,
            Pool.TCP_STREAM: limits.streams,
            Pool.UNIX_STREAM: limits.streams,
        }
        self.dropped: Counter[tuple[Pool, str]] = Counter()
        # One for all: asyncio fills it and hands it over without a pause.
        self.buffer = memoryview(bytearray(_CHUNK))
        # Dictionaries for their order: the first has waited longest.
        self._waiting: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}
        self._busy: dict[Pool, dict[Connection, None]] = {pool: {} for pool in Pool}

    def count(self, pool: Pool) -> int:
        """How many are open."""
        return len(self._waiting[pool]) + len(self._busy[pool])

    def admit(self, pool: Pool) -> Connection | None:
        """One more, if need be by closing the one that has kept us waiting longest."""
        if self.count(pool) >= self.limits[pool]:
            oldest = next(iter(self._waiting[pool]), None)
            self.dropped[pool, "full" if oldest is None else "pushed"] += 1
            if oldest is None:
                return None
            oldest.close()
        one = Connection(self, pool)
        self._busy[pool][one] = None
        return one

    def enter(self, one: Connection, phase: Phase) -> None:
        """Begin a phase."""
        self.forget(one)
        place = self._waiting if phase.waits else self._busy
        place[one.pool][one] = None
        one.phase = phase
        one.deadline = self.clock() + phase.seconds

    def stream(self, one: Connection) -> bool:
        """Move it to the streams, where there is room."""
        streams = Pool.UNIX_STREAM if one.pool is Pool.UNIX else Pool.TCP_STREAM
        if self.count(streams) >= self.limits[streams]:
            return False
        self.forget(one)
        one.pool = streams
        self.enter(one, Phase.STREAM)
        return True

    def forget(self, one: Connection) -> None:
        """Count it no more."""
        self._waiting[one.pool].pop(one, None)
        self._busy[one.pool].pop(one, None)

    def sweep(self) -> None:
        """Close those that are over their time; to be called about twice a second."""
        now = self.clock()
        for place in (*self._waiting.values(), *self._busy.values()):
            for one in [one for one in place if min(one.deadline, one.stall) <= now]:
                self.dropped[one.pool, "slow"] += 1
                one.close()

    def close_waiting(self) -> None:
        """Close those of which no request has come."""
        for place in self._waiting.values():
            for one in list(place):
                one.close()
