"""What is sent, as a value: status, headers, bytes. Conditional requests by RFC 9110 section 13."""

from __future__ import annotations

from typing import NamedTuple

from vfioguard.output.json import Json
from vfioguard.serve.answer.body import Body, Parts
from vfioguard.serve.http.negotiate import accepts_gzip
from vfioguard.serve.problem import MEDIA_TYPE, problem

_VARY = {"vary": "accept, accept-encoding"}


class Asked(NamedTuple):
    """The headers that choose among representations, as they came."""

    accept: str = ""
    accept_encoding: str = ""
    if_none_match: str = ""

    @property
    def gzip(self) -> bool:
        """Whether the client wants it compressed."""
        return accepts_gzip(self.accept_encoding)


class Reply(NamedTuple):
    """`media_type` is None where there is no body (304)."""

    status: int
    media_type: str | None
    headers: dict[str, str]
    body: Parts | bytes = b""


def cached(asked: Asked, tag: str, media_type: str, body: Body | bytes) -> Reply:
    """The body with its strong tag, or 304 where the client has it.

    Compressed are only bodies that are kept: others would be compressed for every request.
    """
    packed = isinstance(body, Body) and asked.gzip
    etag = f'"{tag}-gzip"' if packed else f'"{tag}"'
    headers = {"etag": etag, "cache-control": "no-cache", **_VARY}
    known = {one.strip().removeprefix("W/") for one in asked.if_none_match.split(",")}
    if known & {etag, "*"}:
        return Reply(304, None, headers)
    if isinstance(body, bytes):
        return Reply(status=200, media_type=media_type, headers=headers, body=body)
    if not packed:
        return Reply(status=200, media_type=media_type, headers=headers, body=body.plain())
    return Reply(
        status=200,
        media_type=media_type,
        headers={**headers, "content-encoding": "gzip"},
        body=body.gzip(),
    )


def fresh(media_type: str, body: Parts | bytes, headers: dict[str, str] | None = None) -> Reply:
    """What is true only now."""
    return Reply(
        status=200,
        media_type=media_type,
        headers={"cache-control": "no-store", **_VARY, **(headers or {})},
        body=body,
    )


def refused(
    status: int, detail: str, more: dict[str, Json] | None = None, again: int | None = None
) -> Reply:
    """What is no success; after `again` seconds it may be."""
    headers = {"cache-control": "no-store"}
    if again is not None:
        headers["retry-after"] = str(again)
    return Reply(
        status=status, media_type=MEDIA_TYPE, headers=headers, body=problem(status, detail, more)
    )
