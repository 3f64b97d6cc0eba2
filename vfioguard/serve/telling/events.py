"""Events about changes: a ring that every client reads at its own pace.

Server-Sent Events (HTML Standard, section 9.2). A client has no queue, only a place in the one
ring, so a slow client costs nothing. If its place has left the ring, the client is told to start
anew.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Sequence
from itertools import islice

from vfioguard.change import Change
from vfioguard.output.change.json import change_json
from vfioguard.proof_json import dumps
from vfioguard.typed import NamedTuple

#: The most events in the ring, and the most bytes of them all.
PAST = 1024
_PAST_BYTES = 1 << 20
#: The most events in one write.
_BATCH = 64
#: Milliseconds that a client should wait before it connects again.
_RETRY = 3000

_ID = re.compile(r"([0-9a-z]{1,32})-([0-9]{1,18})")
_LOST = "changes were missed; read /v1/report"


class Prepared(NamedTuple):
    """An event without its number: its name and its JSON."""

    event: str
    data: bytes


def prepare(changes: Sequence[Change]) -> list[Prepared]:
    """The events of one reading, cut to what the ring holds. A client that missed some is reset."""
    return [
        Prepared(change.kind.value, dumps(change_json(change)).encode())
        for change in changes[-PAST:]
    ]


class Hub:
    """The ring of events. It belongs to one event loop.

    `most` is the most streams at a time, over all sockets. `nonce` keeps the event ids of two
    processes apart. `streams` is the number of open streams, and `resets` counts the clients that
    missed events.
    """

    def __init__(self, most: int = 64, nonce: str | None = None) -> None:
        self.most = most
        self.streams = 0
        self.resets = 0
        self.closed = asyncio.Event()
        self._nonce = secrets.token_hex(4) if nonce is None else nonce
        self._ring: deque[bytes] = deque()
        self._bytes = 0
        self._last = 0
        self._published = asyncio.Event()

    def publish(self, events: Sequence[Prepared], total: int | None = None) -> None:
        """Add `events` to the ring and wake every stream.

        `total` is the number of changes in the reading if `events` are only the last of them.
        """
        skipped = (total or 0) - len(events)
        if skipped > 0:
            self._last += skipped
            self._ring.clear()
            self._bytes = 0
        for event in events:
            self._last += 1
            frame = b"id: %b\nevent: %b\ndata: %b\n\n" % (
                self._id(self._last), event.event.encode(), event.data
            )  # fmt: skip
            self._ring.append(frame)
            self._bytes += len(frame)
        while len(self._ring) > PAST or self._bytes > _PAST_BYTES:
            self._bytes -= len(self._ring.popleft())
        waited_for, self._published = self._published, asyncio.Event()
        waited_for.set()

    def place(self, last_event_id: str) -> int:
        """The number after which a client goes on. Returns -1 if `last_event_id` is not known."""
        if not last_event_id:
            return self._last
        match = _ID.fullmatch(last_event_id.strip())
        if match is None or match[1] != self._nonce or int(match[2]) > self._last:
            return -1
        return int(match[2])

    def greeting(self) -> bytes:
        """The first bytes of a stream: when to connect again, and the id to resume after."""
        return b"retry: %d\nid: %b\n\n" % (_RETRY, self._id(self._last))

    def after(self, place: int) -> tuple[bytes, int]:
        """The bytes of the events after `place`, at most one write, and the place after these.

        If some of those events have left the ring, the bytes are a reset instead.
        """
        oldest = self._last - len(self._ring)
        if place < oldest:
            self.resets += 1
            data = dumps({"reason": _LOST}).encode()
            return b"id: %b\nevent: reset\ndata: %b\n\n" % (self._id(self._last), data), self._last
        skip = place - oldest
        frames = list(islice(self._ring, skip, skip + _BATCH))
        return b"".join(frames), place + len(frames)

    async def published(self) -> None:
        """Wait for the next `publish`."""
        await self._published.wait()

    def close(self) -> None:
        """End every stream now."""
        self.closed.set()

    def _id(self, number: int) -> bytes:
        return f"{self._nonce}-{number}".encode()
