"""The probes alone, for an address that others may reach without TLS and without a password.

An answer has a status and a word. It says nothing of the host, not even why it is not ready.
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.serve.asgi import Message, Receive, Send
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.http.front import who

_METHODS = frozenset({"GET", "HEAD"})


class Probes:
    """The ASGI application. `ready` says whether the answers of the daemon may be relied on."""

    def __init__(self, ready: Callable[[], bool], access: Access) -> None:
        self._ready = ready
        self._access = access

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Answer one request."""
        status, body = self._answer(scope["method"], scope["path"])
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        path = scope.get("raw_path") or b"?"
        self._access.note(who(scope), "", (scope["method"], path, scope["query_string"]), status)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str) -> tuple[int, bytes]:
        if path not in {"/-/healthy", "/-/ready"}:
            return 404, b"not found\n"
        if method not in _METHODS:
            return 405, b"method not allowed\n"
        if path == "/-/ready" and not self._ready():
            return 503, b"not ready\n"
        return 200, b"healthy\n" if path == "/-/healthy" else b"ready\n"
