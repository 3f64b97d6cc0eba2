"""Changes for whoever listens: a bounded past that every client reads at its own pace.

Server-Sent Events (HTML Standard, section 9.2). There is no queue for a client, only its place in
the one ring, so that a slow one costs nothing; when its place is gone it is told to start anew.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from vfioguard.change import Change
from vfioguard.output.change.json import change_json
from vfioguard.output.json import dumps

#: Events that can be had again, and their bytes in all.
PAST = 1024
_PAST_BYTES = 1 << 20
#: Events in one write.
_BATCH = 64
#: Milliseconds that a client should wait before it connects again.
_RETRY = 3000

_ID = re.compile(r"([0-9a-z]{1,32})-([0-9]{1,18})")
_LOST = "changes were missed; read /v1/report"


class Prepared(NamedTuple):
    """An event without its number: name and JSON."""

    event: str
    data: bytes


def prepare(changes: Sequence[Change]) -> list[Prepared]:
    """The events of one reading; of more than the past can hold, the last, so that all are lost."""
    return [
        Prepared(change.kind.value, dumps(change_json(change)).encode())
        for change in changes[-PAST:]
    ]


class Hub:
    """The ring and who reads it. For one event loop.

    `most` streams at a time, over all sockets; `nonce` keeps the numbers of two processes apart.
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
        self._news = asyncio.Event()

    def publish(self, events: Sequence[Prepared], total: int | None = None) -> None:
        """Tell everybody; of `total` changes (all of them) these are the last."""
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
        news, self._news = self._news, asyncio.Event()
        news.set()

    def place(self, last_event_id: str) -> int:
        """The number after which a client goes on; -1 where what it asks for is gone."""
        if not last_event_id:
            return self._last
        found = _ID.fullmatch(last_event_id.strip())
        if found is None or found[1] != self._nonce or int(found[2]) > self._last:
            return -1
        return int(found[2])

    def greeting(self) -> bytes:
        """What comes first: when to come back, and the number from which on one may resume."""
        return b"retry: %d\nid: %b\n\n" % (_RETRY, self._id(self._last))

    def after(self, place: int) -> tuple[bytes, int]:
        """What comes after this place, at most one write of it, and the place behind that."""
        oldest = self._last - len(self._ring)
        if place < oldest:
            self.resets += 1
            data = dumps({"reason": _LOST}).encode()
            return b"id: %b\nevent: reset\ndata: %b\n\n" % (self._id(self._last), data), self._last
        skip = place - oldest
        frames = list(islice(self._ring, skip, skip + _BATCH))
        return b"".join(frames), place + len(frames)

    async def news(self) -> None:
        """Wait for the next `publish`."""
        await self._news.wait()

    def close(self) -> None:
        """End every stream, now."""
        self.closed.set()

    def _id(self, number: int) -> bytes:
        return f"{self._nonce}-{number}".encode()
