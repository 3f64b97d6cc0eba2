"""What stands before every route: the Host header, the counts of requests. Plain ASGI 3.0."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from vfioguard.serve.asgi import App, Message, Receive, Refusal, Send
from vfioguard.serve.connection.connections import Connection
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.problem import MEDIA_TYPE, problem

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
_UNROUTED = "other"
#: Of every answer, unless it has its own: nothing of ours is for pages from elsewhere.
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"deny",
    b"cross-origin-resource-policy": b"same-origin",
}


_ANOTHER = Refusal(
    400,
    "the Host header names another host; use 127.0.0.1, [::1], localhost or the address that you "
    "connect to, or start the daemon with --web.allowed-host NAME",
)


class Guard(Protocol):
    """What `--web.config.file` asks of those who come over TCP (guard.py)."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]: ...
    async def admit(self, scope: Message) -> tuple[str, Refusal | None]: ...


class Face(NamedTuple):
    """What the application is told of its surroundings. `hosts` are further names of ours."""

    hosts: frozenset[str] = frozenset()
    guard: Guard | None = None
    access: Access | None = None


class Front:
    """Refuses a Host that is not ours and who is not let in; counts by route and status, and logs.

    A page from elsewhere can make a browser send requests here under a name that it controls (DNS
    rebinding); its Host header then is that name. A UNIX socket is out of a browser's reach.
    """

    def __init__(self, app: App, requests: Counter[tuple[str, int]], face: Face) -> None:
        self._app = app
        self._requests = requests
        self._hosts = face.hosts
        self._guard = face.guard
        self._access = face.access or Access()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (connection := connection_of(scope)) is not None:
            await connection.turn()
        user, refusal = await self._admit(scope)
        last = _is_ambiguous(scope["headers"])

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Bounded: the template of a route, never the path that was asked for.
                handler = getattr(scope.get("route"), "path", _UNROUTED)
                status = message["status"]
                self._requests[handler, status] += 1
                self._note(scope, user, status)
                message["headers"] = self._headers(message["headers"])
                if last:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        if refusal is not None:
            await _refuse(counted, refusal)
            return
        try:
            await self._app(scope, receive, counted)
        except Exception as error:  # noqa: BLE001 - Starlette has answered 500, and raises it again
            self._access.failed(_who(scope), error)

    async def _admit(self, scope: Message) -> tuple[str, Refusal | None]:
        server = scope.get("server")
        if server is None or server[1] is None:  # a UNIX socket has no port
            return "", None
        if not self._is_ours(scope, server[0]):
            return "", _ANOTHER
        return ("", None) if self._guard is None else await self._guard.admit(scope)

    def _headers(self, own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """With ours, and those of the file, which win; an empty one is none."""
        if self._guard is None:
            return [*own, *_HEADERS.items()]
        merged = [*own, *_HEADERS.items()]
        chosen = dict(self._guard.headers)
        return [item for item in merged if item[0] not in chosen] + [
            h for h in chosen.items() if h[1]
        ]

    def _is_ours(self, scope: Message, address: str) -> bool:
        """A name that is known, or the address itself that was connected to: no page chooses it."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return all(
            is_loopback(host) or (name := name_of(host)) in self._hosts or name == address
            for host in hosts
        )

    def _note(self, scope: Message, user: str, status: int) -> None:
        path = scope.get("raw_path") or b"?"
        request = scope["method"], path, scope["query_string"]
        self._access.note(_who(scope), user, request, status)


def connection_of(scope: Message) -> Connection | None:
    """The connection that a request came over; None where the server is not ours."""
    found: Connection | None = scope.get("state", {}).get("connection")
    return found


def _who(scope: Message) -> str:
    connection = connection_of(scope)
    return "?" if connection is None else connection.peer


def _is_ambiguous(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether two parties may see its end in different places (RFC 9112 6.1): so it is the last."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}


def name_of(host: str) -> str | None:
    """The name or the address in a Host header, without port; None where it is neither."""
    found = _HOST.fullmatch(host.strip())
    return None if found is None else found["six"] or found["name"].lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether a Host header (name or address, maybe a port) means this machine only."""
    name = name_of(host)
    if name is None:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = problem(refusal.status, refusal.detail)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *refusal.headers,
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
