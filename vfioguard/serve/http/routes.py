"""The routes as FastAPI sees them: parameters, schema, errors. The answers are in handlers.py.

Nothing that can be imported from here reads the host.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from vfioguard import __version__
from vfioguard.output.json import dumps
from vfioguard.serve.answer.body import PIECE, Parts, cut
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.answer.view import forms
from vfioguard.serve.asgi import App
from vfioguard.serve.http import openapi, schema
from vfioguard.serve.http.front import Face, Front, connection_of
from vfioguard.serve.http.handlers import Handlers, Problem
from vfioguard.serve.http.metrics import Counted
from vfioguard.serve.http.reply import Asked, Reply, refused
from vfioguard.serve.http.stream import EVENT_STREAM, Stream
from vfioguard.serve.telling.change_teller import ChangeTeller
from vfioguard.verdict import Outcome

_PLAIN = "text/plain"

Policy = Annotated[str | None, Query(description="judge by this predicate")]
Outcomes = Annotated[list[Outcome] | None, Query(description="only these; may be repeated")]
Strict = Annotated[bool, Query(description="409 also for what passes only by the override")]
Number = Annotated[str, Path(alias="id")]
LastEventId = Annotated[str, Header(alias="Last-Event-ID", description="go on after this one")]


class _Streamed(Response):
    """A body in pieces, each sent when the client has taken the one before it.

    In one piece uvicorn copies whatever the socket does not take at once: a report of 47 MB (16,384
    groups) for every client, and three times the CPU time. Between two of them others have a turn.
    """

    def __init__(self, reply: Reply, body: Parts) -> None:
        super().__init__(None, reply.status, reply.headers, reply.media_type)
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
                return  # uvicorn's send says nothing of it, and all of the rest would be inflated
        await send({"type": "http.response.body", "body": b""})


class _Events(Response):
    """A client of /v1/events."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._stream(scope, receive, send)


def build(
    latest: Latest, follow: ChangeTeller, face: Face | None = None, counted: Sequence[Counted] = ()
) -> App:
    """The ASGI application over the latest answer and what changes in it.

    Each of `counted` gives metrics of a part of the daemon.
    """
    app = FastAPI(
        title="vfioguard",
        version=__version__,
        description="Says which IOMMU groups VFIO would refuse on this host, and why.",
        openapi_url=None,  # served from bytes, and no page that loads scripts from elsewhere
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Recent FastAPI exports traces where environment variables say so.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    requests: Counter[tuple[str, int]] = Counter()
    answers = Handlers(latest, requests, follow, counted)
    _add_versioned(app, answers)
    _add_events(app, follow)
    _add_others(app, answers)
    streams = {EVENT_STREAM: schema.Change.model_json_schema(ref_template=openapi.SCHEMA)}
    document = dumps(openapi.finish(app.openapi(), latest.policies, streams)).encode()

    async def described() -> Response:
        return Response(document, media_type="application/json")

    app.add_api_route("/openapi.json", described, include_in_schema=False)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.methods:
            route.methods.add("HEAD")  # only now: it is no operation of its own
    for kind, handler in (
        (Problem, _answered),
        (HTTPException, _refused),
        (RequestValidationError, _invalid),
        (Exception, _failed),
    ):
        app.add_exception_handler(kind, handler)
    return Front(app, requests, face or Face())


def _add_versioned(app: FastAPI, answers: Handlers) -> None:
    async def report(request: Request, policy: Policy = None) -> Response:
        """The whole host, in any form of `vfioguard report --output`."""
        return _response(await answers.report(_asked(request), policy))

    async def groups(request: Request, outcome: Outcomes = None, policy: Policy = None) -> Response:
        """The groups, all or by outcome; as text one line each."""
        return _response(await answers.groups(_asked(request), outcome or (), policy))

    async def group(request: Request, number: Number, policy: Policy = None) -> Response:
        """One group with its proof."""
        return _response(await answers.group(_asked(request), number, policy))

    async def device(request: Request, bdf: str, policy: Policy = None) -> Response:
        """A device, the verdict on it, and its group."""
        return _response(await answers.device(_asked(request), bdf, policy))

    async def check(
        request: Request, target: str, strict: Strict = False, policy: Policy = None
    ) -> Response:
        """May it be attached? The gate for `curl -f`; `target` is a BDF or group:N."""
        return _response(await answers.check(_asked(request), target, policy, strict=strict))

    async def firmware(request: Request) -> Response:
        """The firmware tables that bear on interrupts, decoded, and what follows from them."""
        return _response(await answers.firmware(_asked(request)))

    _add(app, "/v1/firmware", firmware, schema.Firmware, (503,))
    _add(app, "/v1/report", report, schema.Report, (422, 503), *forms())
    _add(app, "/v1/groups", groups, schema.GroupList, (422, 503), _PLAIN)
    _add(app, "/v1/groups/{id}", group, schema.OneGroup, (404, 422, 503))
    _add(app, "/v1/devices/{bdf}", device, schema.OneDevice, (404, 422, 503))
    _add(app, "/v1/check/{target}", check, schema.Check, (404, 409, 422, 503), _PLAIN)


def _add_events(app: FastAPI, follow: ChangeTeller) -> None:
    async def events(last_event_id: LastEventId = "") -> Response:
        """Each change as a Server-Sent Event: its kind is the name, a `Change` the data."""
        return _Events(Stream(follow.hub, last_event_id))

    _add(app, "/v1/events", events, None, (503,), EVENT_STREAM)


def _add_others(app: FastAPI, answers: Handlers) -> None:
    async def metrics(request: Request) -> Response:
        """Prometheus text 0.0.4 or OpenMetrics 1.0, as asked for."""
        return _response(await answers.metrics(_asked(request)))

    async def healthy() -> Response:
        """The process lives."""
        return _response(answers.healthy())

    async def ready() -> Response:
        """The answers may be relied on."""
        return _response(answers.ready())

    async def page() -> Response:
        """The page for people."""
        return _response(await answers.page())

    _add(app, "/metrics", metrics, None, (), _PLAIN, "application/openmetrics-text")
    _add(app, "/-/healthy", healthy, None, (), _PLAIN)
    _add(app, "/-/ready", ready, None, (503,), _PLAIN)
    _add(app, "/", page, None, (503,), "text/html")


def _add(
    app: FastAPI,
    path: str,
    handler: Callable[..., Awaitable[Response]],
    model: type[BaseModel] | None,
    errors: tuple[int, ...],
    *media_types: str,
) -> None:
    """`model` is the schema of the JSON answer; `media_types` are those beside it."""
    success: dict[str, Any] = {"content": {media_type: {} for media_type in media_types}}
    if model is not None:
        success["model"] = model
    responses: dict[int | str, dict[str, Any]] = {200: success}
    responses |= {status: {"model": schema.Problem} for status in errors}
    kind = Response if model is None else JSONResponse
    app.add_api_route(path, handler, responses=responses, response_class=kind)


def _asked(request: Request) -> Asked:
    names = ("accept", "accept-encoding", "if-none-match")
    return Asked(*(",".join(request.headers.getlist(name)) for name in names))


def _response(reply: Reply) -> Response:
    body = reply.body
    if isinstance(body, bytes) and len(body) > PIECE:
        body = cut(body)
    if isinstance(body, Parts):
        return _Streamed(reply, body)
    return Response(body, reply.status, reply.headers, reply.media_type)


async def _answered(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem), "registered for it"
    return _response(refused(error.status, str(error), error.more, error.again))


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for it"
    known = "; the routes are in /openapi.json" if error.status_code == 404 else ""
    response = _response(refused(error.status_code, f"{error.detail}{known}"))
    response.headers.update(error.headers or {})
    return response


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for it"
    said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return _response(refused(422, said))


async def _failed(_request: Request, _error: Exception) -> Response:
    return _response(refused(500, "a bug in vfioguard; its log has the details"))
