"""What is sent. Conditional requests follow RFC 9110 section 13."""

from __future__ import annotations

import asyncio

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from vfioguard.serve.answer.body import PIECE, Body, Parts, cut
from vfioguard.serve.http.front import connection_of
from vfioguard.serve.http.negotiate import accepts_gzip, media_type
from vfioguard.typed import NamedTuple

JSON = "application/json"
LINES = "text/plain; charset=utf-8"

_VARY = {"vary": "accept, accept-encoding"}


class Asked(NamedTuple):
    """The headers of a request that choose among representations, as they came."""

    accept: str = ""
    accept_encoding: str = ""
    if_none_match: str = ""

    @classmethod
    def by(cls, request: Request) -> Asked:
        """Those of this request; a header that came several times is one list."""
        names = ("accept", "accept-encoding", "if-none-match")
        return cls(*(",".join(request.headers.getlist(name)) for name in names))

    @property
    def gzip(self) -> bool:
        """Whether the client wants a compressed body."""
        return accepts_gzip(self.accept_encoding)

    @property
    def lines(self) -> bool:
        """Whether the client wants lines of text rather than JSON."""
        return media_type(self.accept, (JSON, "text/plain")) != JSON


async def kept(asked: Asked, media_type: str, body: Body) -> Response:
    """A body that is kept, with its strong tag, or 304 if the client has it.

    Only kept bodies are compressed; any other would be compressed again for every request.
    """
    if not asked.gzip:
        return tagged(asked, body.tag, media_type, body.plain())
    if not body.is_checked:
        await asyncio.to_thread(body.check)
    response = tagged(asked, f"{body.tag}-gzip", media_type, body.gzip())
    if response.status_code == 200:
        response.headers["content-encoding"] = "gzip"
    return response


def tagged(asked: Asked, tag: str, media_type: str, body: Parts | bytes) -> Response:
    """A body with its strong tag, or 304 if the client has it."""
    etag = f'"{tag}"'
    headers = {"etag": etag, "cache-control": "no-cache", **_VARY}
    held = {each.strip().removeprefix("W/") for each in asked.if_none_match.split(",")}
    if held & {etag, "*"}:
        return Response(None, 304, headers)
    return _whole(media_type, body, headers)


def fresh(media_type: str, body: Parts | bytes, headers: dict[str, str] | None = None) -> Response:
    """A body that is true only now."""
    return _whole(media_type, body, {"cache-control": "no-store", **_VARY, **(headers or {})})


def _whole(media_type: str, body: Parts | bytes, headers: dict[str, str]) -> Response:
    if isinstance(body, bytes):
        if len(body) <= PIECE:
            return Response(body, 200, headers, media_type)
        body = cut(body)
    return _Streamed(body, headers, media_type)


class _Streamed(Response):
    """A body in pieces, each sent when the client has taken the one before it.

    uvicorn copies the part of a body that the socket does not take at once. For a report of 47 MB
    (16,384 groups) in one piece that is a copy for every client, and three times the CPU time.
    Between two pieces other clients have a turn.
    """

    def __init__(self, body: Parts, headers: dict[str, str], media_type: str) -> None:
        super().__init__(None, 200, headers, media_type)
        self.headers["content-length"] = str(body.size)
        self._parts = body.parts

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        head = {"type": "http.response.start", "status": self.status_code}
        await send({**head, "headers": self.raw_headers})
        connection = connection_of(scope)
        for part in self._parts if scope["method"] != "HEAD" else ():
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await (asyncio.sleep(0) if connection is None else connection.turn())
            if connection is not None and connection.gone:
                return  # uvicorn's send tells nothing of it, and all of the rest would be inflated
        await send({"type": "http.response.body", "body": b""})
