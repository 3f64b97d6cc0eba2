"""The types of ASGI 3.0, and the refusal of a request before a route sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping

from vfioguard.typed import Any, NamedTuple, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class Refusal(NamedTuple):
    """Why a request gets no answer: the status, one sentence, and further headers."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
