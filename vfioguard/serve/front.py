"""What stands before every route: the Host header, the counts of requests. Plain ASGI 3.0."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from vfioguard.serve.problem import MEDIA_TYPE, problem

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
_UNROUTED = "other"


class Front:
    """Refuses a Host that is not ours and counts by route and status.

    A page from elsewhere can make a browser send requests here under a name that it controls (DNS
    rebinding); its Host header then is that name. A UNIX socket is out of a browser's reach.
    """

    def __init__(self, app: App, requests: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Bounded: the template of a route, never the path that was asked for.
                handler = getattr(scope.get("route"), "path", _UNROUTED)
                self._requests[handler, message["status"]] += 1
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        if scope["type"] != "http" or _is_ours(scope):
            await self._app(scope, receive, counted)
        else:
            await _refuse(counted)


def _is_ours(scope: Message) -> bool:
    server = scope.get("server")
    if server is None or server[1] is None:  # a UNIX socket has no port
        return True
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return all(is_loopback(host) for host in hosts)


def is_loopback(host: str) -> bool:
    """Whether a Host header (name or address, maybe a port) means this machine only."""
    found = _HOST.fullmatch(host.strip())
    if found is None:
        return False
    name = found["six"] or found["name"].lower().rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _refuse(send: Send) -> None:
    body = problem(400, "the Host header names another host; use 127.0.0.1, [::1] or localhost")
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})
