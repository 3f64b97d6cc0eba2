"""One client of /v1/events, in plain ASGI. It ends when the client goes or the daemon stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from vfioguard.proof_json import dumps
from vfioguard.serve.answer.stale import Stale, marks
from vfioguard.serve.asgi import Message, Receive, Send
from vfioguard.serve.http.front import connection_of
from vfioguard.serve.problem import MEDIA_TYPE, problem
from vfioguard.serve.telling.events import Hub

EVENT_STREAM = "text/event-stream"

#: Seconds of silence after which a comment shows that the connection lives.
_HEARTBEAT = 15.0
#: Seconds from one look whether the answers are stale to the next.
_LOOK = 0.5
#: Seconds after which a client should ask again if all places are taken.
_RETRY_AFTER = "10"

_HEADERS = [
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class Stream:
    """The answer to one request. `last_event_id` is what the client sent.

    `stale` is the mark of the daemon's answers now. The client is told when it comes and goes.

    A stream has no deadline, but a client that does not take what is written is closed as any other
    is (connections.py).
    """

    def __init__(
        self,
        hub: Hub,
        last_event_id: str,
        heartbeat: float = _HEARTBEAT,
        stale: Callable[[], Stale | None] = lambda: None,
    ) -> None:
        self._hub = hub
        self._last_event_id = last_event_id
        self._stale = stale
        self._mark: Stale | None = None
        self._heartbeat = heartbeat
        self._sending = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve the request; answer 503 if too many clients follow already."""
        start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        hub = self._hub
        connection = connection_of(scope)
        if hub.closed.is_set():
            await _refuse(send, "the daemon is stopping")
            return
        if hub.streams >= hub.most or not (connection is None or connection.stream()):
            await _refuse(send, "no more clients may follow the events now")
            return
        hub.streams += 1
        try:
            await send(start)
            await self._until_the_end(receive, send)
        finally:
            hub.streams -= 1

    async def _until_the_end(self, receive: Receive, send: Send) -> None:
        tasks = [
            asyncio.create_task(self._pump(send)),
            asyncio.create_task(self._closed()),
            asyncio.create_task(_gone(receive)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not self._sending:  # a client that does not take an event would not take the end either
            await send({"type": "http.response.body", "body": b""})

    async def _closed(self) -> None:
        await self._hub.closed.wait()

    async def _pump(self, send: Send) -> None:
        """Send every event from the client's place on; wait while the client takes none."""
        place = self._hub.place(self._last_event_id)
        data = b"" if place < 0 else self._hub.greeting() if not self._last_event_id else b":\n\n"
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            data += self._marked()
            if not data:
                data, place = self._hub.after(place)
            if data:
                self._sending = True
                await send({"type": "http.response.body", "body": data, "more_body": True})
                self._sending = False
                data, last = b"", clock()
                continue
            silent = clock() - last
            if silent >= self._heartbeat:
                data = b":\n\n"
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._heartbeat - silent, _LOOK)):
                    await self._hub.published()

    def _marked(self) -> bytes:
        """The event that says what the mark is now, or nothing if the client knows.

        It has no number, because the host did not change.
        """
        mark, before = self._stale(), self._mark
        if _told(mark) == _told(before):
            return b""
        self._mark = mark
        return b"event: stale\ndata: %b\n\n" % dumps(marks(mark)).encode()


def _told(mark: Stale | None) -> tuple[str, str] | None:
    return None if mark is None else (mark.reason, mark.why)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, why: str) -> None:
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"cache-control", b"no-store"),
        (b"retry-after", _RETRY_AFTER.encode()),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": problem(503, why)})
