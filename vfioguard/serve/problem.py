"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from vfioguard.output.json import Json, dumps

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, more: dict[str, Json] | None = None) -> bytes:
    """The body; `type` is about:blank, so that the title is the status's own (RFC 9457 4.2.1)."""
    body: dict[str, Json] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return dumps({**body, **(more or {})}).encode() + b"\n"
