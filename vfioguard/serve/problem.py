"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from vfioguard.proof_json import dumps
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import answers as shapes

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, more: Mapping[str, object] | None = None) -> bytes:
    """The body of an error; `more` are further members.

    `type` is about:blank, which makes the title the phrase of the status (RFC 9457 4.2.1).
    """
    body: shapes.Problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return dumps({**body, **(more or {})}).encode() + b"\n"
