"""Every error is `application/problem+json`, whoever finds it: a route, FastAPI, or nobody."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from vfioguard.serve.problem import MEDIA_TYPE, problem


class Problem(Exception):
    """An answer that is not a success.

    `more` are further members of its body, `again` is the number of seconds after which to ask
    again.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        more: Mapping[str, object] | None = None,
        again: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more
        self.again = again


def add_handlers(app: FastAPI) -> None:
    """Make the application answer every exception with a problem."""
    for kind, handler in (
        (Problem, _raised),
        (HTTPException, _unrouted),
        (RequestValidationError, _invalid),
        (Exception, _failed),
    ):
        app.add_exception_handler(kind, handler)


async def _raised(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem), "registered for it"
    response = _response(error.status, str(error), error.more)
    if error.again is not None:
        response.headers["retry-after"] = str(error.again)
    return response


async def _unrouted(_request: Request, error: Exception) -> Response:
    """404 and 405 of the router."""
    assert isinstance(error, HTTPException), "registered for it"
    hint = "; the routes are in /openapi.json" if error.status_code == 404 else ""
    response = _response(error.status_code, f"{error.detail}{hint}")
    response.headers.update(error.headers or {})
    return response


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for it"
    details = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return _response(422, "; ".join(details))


async def _failed(_request: Request, _error: Exception) -> Response:
    return _response(500, "a bug in vfioguard; its log has the details")


def _response(status: int, detail: str, more: Mapping[str, object] | None = None) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(problem(status, detail, more), status, headers, MEDIA_TYPE)
