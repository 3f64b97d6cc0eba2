"""One client of /v1/events, as plain ASGI: it ends when the client goes or the daemon stops."""

from __future__ import annotations

import asyncio

from vfioguard.serve.asgi import Message, Receive, Send
from vfioguard.serve.http.front import connection_of
from vfioguard.serve.problem import MEDIA_TYPE, problem
from vfioguard.serve.telling.events import Hub

EVENT_STREAM = "text/event-stream"

#: Seconds of silence after which a comment shows that the connection lives.
_HEARTBEAT = 15.0
#: Seconds after which a client may ask again that found all places taken.
_RETRY_AFTER = "10"

_HEADERS = [
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class Stream:
    """The answer to one request. `last_event_id` as the client sent it.

    It has no deadline, but a client that does not take what is written is closed on as any other
    (connections.py); the server has given the connection with the request.
    """

    def __init__(self, hub: Hub, last_event_id: str, heartbeat: float = _HEARTBEAT) -> None:
        self._hub = hub
        self._last_event_id = last_event_id
        self._heartbeat = heartbeat
        self._sending = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve it; 503 where too many listen already."""
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
        parts = [
            asyncio.create_task(self._pump(send)),
            asyncio.create_task(self._closed()),
            asyncio.create_task(_gone(receive)),
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        if not self._sending:  # else it does not take what it has: nor would it take this
            await send({"type": "http.response.body", "body": b""})

    async def _closed(self) -> None:
        await self._hub.closed.wait()

    async def _pump(self, send: Send) -> None:
        """Everything from the client's place on; ends where it does not take it."""
        place = self._hub.place(self._last_event_id)
        data = b"" if place < 0 else self._hub.greeting() if not self._last_event_id else b":\n\n"
        while True:
            if not data:
                data, place = self._hub.after(place)
            if data:
                self._sending = True
                await send({"type": "http.response.body", "body": data, "more_body": True})
                self._sending = False
                data = b""
                continue
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._hub.published()
            except TimeoutError:
                data = b":\n\n"


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
