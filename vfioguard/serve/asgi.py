"""The types of ASGI 3.0, and how a request is refused before a route sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class Refusal(NamedTuple):
    """Why somebody gets no answer, and what goes with it."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
