"""What happens before any route: Host is checked, requests are counted. Plain ASGI 3.0."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable

from vfioguard.serve.answer.stale import Stale
from vfioguard.serve.asgi import App, Message, Receive, Refusal, Send
from vfioguard.serve.connection.connections import Connection
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.problem import MEDIA_TYPE, problem
from vfioguard.typed import NamedTuple, Protocol

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
_UNROUTED = "other"
#: The header of an answer that cannot be relied on (docs/http.md).
STALE = b"vfioguard-stale"
#: Headers that every answer gets if it has none of its own: no answer is for another site's page.
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
    """Decides by `--web.config.file` who is let in over TCP (guard.py)."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]: ...
    async def admit(self, scope: Message) -> tuple[str, Refusal | None]: ...


class Admission(NamedTuple):
    """The rules of admission, and the access log. `hosts` are additional names of this host."""

    hosts: frozenset[str] = frozenset()
    guard: Guard | None = None
    access: Access | None = None


class Front:
    """Refuses a foreign Host header and whom the guard does not admit; counts and logs requests.

    Every answer to those that are admitted says in a header whether it is stale.

    A page of another site can make a browser send requests here under a name that the site controls
    (DNS rebinding). The Host header then has that name. A browser cannot reach a UNIX socket.
    """

    def __init__(
        self,
        app: App,
        requests: Counter[tuple[str, int]],
        admission: Admission,
        stale: Callable[[], Stale | None],
    ) -> None:
        self._app = app
        self._stale = stale
        self._requests = requests
        self._hosts = admission.hosts
        self._guard = admission.guard
        self._access = admission.access or Access()

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
                if refusal is None and (stale := self._stale()) is not None:
                    message["headers"].append((STALE, stale.header.encode()))
                if last:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        if refusal is not None:
            await _refuse(counted, refusal)
            return
        try:
            await self._app(scope, receive, counted)
        except Exception as error:  # noqa: BLE001 - Starlette has answered 500, and raises it again
            self._access.failed(who(scope), error)

    async def _admit(self, scope: Message) -> tuple[str, Refusal | None]:
        server = scope.get("server")
        if server is None or server[1] is None:  # a UNIX socket has no port
            return "", None
        if not self._is_ours(scope, server[0]):
            return "", _ANOTHER
        return ("", None) if self._guard is None else await self._guard.admit(scope)

    def _headers(self, own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Add the common headers, then those of the configuration file.

        A header of the file replaces any other; an empty one removes it.
        """
        if self._guard is None:
            return [*own, *_HEADERS.items()]
        merged = [*own, *_HEADERS.items()]
        chosen = dict(self._guard.headers)
        kept = [header for header in merged if header[0] not in chosen]
        return kept + [header for header in chosen.items() if header[1]]

    def _is_ours(self, scope: Message, address: str) -> bool:
        """Whether the Host header has a known name, or the very address of this connection.

        A page of another site cannot choose that address.
        """
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return all(
            is_loopback(host) or (name := name_of(host)) in self._hosts or name == address
            for host in hosts
        )

    def _note(self, scope: Message, user: str, status: int) -> None:
        path = scope.get("raw_path") or b"?"
        request = scope["method"], path, scope["query_string"]
        self._access.note(who(scope), user, request, status)


def connection_of(scope: Message) -> Connection | None:
    """The connection that a request came over. Returns None under another server than ours."""
    connection: Connection | None = scope.get("state", {}).get("connection")
    return connection


def who(scope: Message) -> str:
    """The client, as the access log names it."""
    connection = connection_of(scope)
    return "?" if connection is None else connection.peer


def _is_ambiguous(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether two parties may see the request end in different places (RFC 9112 6.1).

    Such a request is the last of its connection.
    """
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}


def name_of(host: str) -> str | None:
    """The name or the address in a Host header, without port. Returns None if it is malformed."""
    match = _HOST.fullmatch(host.strip())
    return None if match is None else match["six"] or match["name"].lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether a Host header (a name or an address, maybe with a port) means this machine only."""
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
