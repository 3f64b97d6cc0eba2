"""The routes. They serve what `Latest` holds and never read the host.

FastAPI routes, validates and describes; every answer is bytes that were rendered before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from vfioguard import __version__
from vfioguard.output.json import Json, dumps
from vfioguard.output.prometheus import OPENMETRICS, TEXT
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.serve import metrics, negotiate, openapi, schema
from vfioguard.serve.body import Body
from vfioguard.serve.check import check
from vfioguard.serve.front import App, Front
from vfioguard.serve.latest import Latest
from vfioguard.serve.problem import MEDIA_TYPE, problem
from vfioguard.serve.view import View, canonical, forms
from vfioguard.verdict import Outcome

_JSON = "application/json"
_LINES = "text/plain; charset=utf-8"
_PAGE = "text/html; charset=utf-8"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

Policy = Annotated[str | None, Query(description="judge by this predicate")]
Outcomes = Annotated[list[Outcome] | None, Query(description="only these; may be repeated")]
Strict = Annotated[bool, Query(description="409 also for what passes only by the override")]
Number = Annotated[str, Path(alias="id")]

_Handler: TypeAlias = Callable[..., Awaitable[Response]]


class _Problem(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, detail: str, more: dict[str, Json] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more


def build(latest: Latest) -> App:
    """The ASGI application over the latest answer."""
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
    _add_routes(app, _Handlers(latest, requests))
    document = dumps(openapi.finish(app.openapi(), latest.policies)).encode()

    async def described() -> Response:
        return Response(document, media_type=_JSON)

    app.add_api_route("/openapi.json", described, include_in_schema=False)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.methods:
            route.methods.add("HEAD")  # only now: it is no operation of its own
    for kind, handler in (
        (_Problem, _answered),
        (HTTPException, _refused),
        (RequestValidationError, _invalid),
        (Exception, _failed),
    ):
        app.add_exception_handler(kind, handler)
    return Front(app, requests)


def _add_routes(app: FastAPI, handlers: _Handlers) -> None:
    def add(
        path: str, handler: _Handler, model: type[BaseModel] | None, *errors: int, text: str = ""
    ) -> None:
        success: dict[str, Any] = {"model": model} if model else {}
        if text:
            success["content"] = {media_type: {} for media_type in text.split()}
        responses: dict[int | str, dict[str, Any]] = {200: success}
        responses |= {status: {"model": schema.Problem} for status in errors}
        app.add_api_route(
            path, handler, responses=responses, response_class=JSONResponse if model else Response
        )

    add("/v1/report", handlers.report, schema.Report, 422, 503, text=" ".join(forms()))
    add("/v1/groups", handlers.groups, schema.GroupList, 422, 503, text="text/plain")
    add("/v1/groups/{id}", handlers.group, schema.OneGroup, 404, 422, 503)
    add("/v1/devices/{bdf}", handlers.device, schema.OneDevice, 404, 422, 503)
    errors = (404, 409, 422, 503)
    add("/v1/check/{target}", handlers.check, schema.Check, *errors, text="text/plain")
    media_types = "text/plain application/openmetrics-text"
    add("/metrics", handlers.metrics, None, text=media_types)
    add("/-/healthy", handlers.healthy, None, text="text/plain")
    add("/-/ready", handlers.ready, None, 503, text="text/plain")
    add("/", handlers.page, None, 503, text="text/html")


class _Handlers:
    """One method for each route."""

    def __init__(self, latest: Latest, requests: Counter[tuple[str, int]]) -> None:
        self._latest = latest
        self._requests = requests
        self._forms = forms()

    async def report(self, request: Request, policy: Policy = None) -> Response:
        """The whole host, in any of the forms that `vfioguard report --output` has."""
        view = await self._view(policy)
        wanted = negotiate.media_type(_accept(request), tuple(self._forms))
        if wanted == _JSON:
            return await _cached(request, view.tag, _JSON, view.json)
        form = self._forms[wanted]
        body = view.forms.get(wanted)
        if body is None:
            body = await asyncio.to_thread(view.form, wanted, form)
        return await _cached(request, f"{view.tag}-{wanted}", form.media_type, body)

    async def groups(
        self, request: Request, outcome: Outcomes = None, policy: Policy = None
    ) -> Response:
        """The groups, all or by outcome; as text one line each."""
        view = await self._view(policy)
        if negotiate.media_type(_accept(request), (_JSON, "text/plain")) == _JSON:
            return await _cached(request, view.tag, _JSON, view.groups_json(outcome or ()))
        return await _cached(request, f"{view.tag}-text", _LINES, view.groups_text(outcome or ()))

    async def group(self, request: Request, number: Number, policy: Policy = None) -> Response:
        """One group with its proof."""
        view = await self._view(policy)
        found = _find(view, f"group:{number}")
        assert isinstance(found, GroupReport), "only a group has such a name"
        return await _cached(request, view.tag, _JSON, view.group_json(found))

    async def device(self, request: Request, bdf: str, policy: Policy = None) -> Response:
        """The device, the verdict on it, and its group."""
        view = await self._view(policy)
        if bdf.startswith("group:"):
            raise _Problem(404, "a group is at /v1/groups/{id}")
        _find(view, bdf)
        return await _cached(request, view.tag, _JSON, view.device_json(bdf))

    async def check(
        self, request: Request, target: str, strict: Strict = False, policy: Policy = None
    ) -> Response:
        """May it be attached? The gate for `curl -f`; `target` is a BDF or group:N."""
        if (reason := self._latest.unready()) is not None:
            raise _Problem(503, reason)
        view = await self._view(policy)
        found = _find(view, target)
        answer = check(view.report, canonical(target), found, strict=strict)
        if answer.status != 200:
            raise _Problem(answer.status, answer.line, answer.body)
        if negotiate.media_type(_accept(request), (_JSON, "text/plain")) == _JSON:
            return _fresh(dumps(answer.body).encode() + b"\n", _JSON)
        return _fresh(f"{answer.line}\n".encode(), _LINES)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text 0.0.4 or OpenMetrics 1.0, as asked for."""
        offered = ("text/plain", "application/openmetrics-text")
        openmetrics = negotiate.media_type(_accept(request), offered) != "text/plain"
        tail = metrics.tail(self._latest, self._requests, openmetrics=openmetrics)
        view = self._latest.view
        body = Body(b"") if view is None else view.openmetrics if openmetrics else view.metrics
        media_type = OPENMETRICS if openmetrics else TEXT
        if not _gzip(request):
            return _fresh(body.plain + tail, media_type)
        if not body.is_packed:
            await asyncio.to_thread(body.pack)
        return _fresh(body.gzip(tail), media_type, {"content-encoding": "gzip"})

    async def healthy(self) -> Response:
        """The process lives."""
        return _fresh(b"healthy\n", _LINES)

    async def ready(self) -> Response:
        """The answers may be relied on."""
        if (reason := self._latest.unready()) is not None:
            raise _Problem(503, reason)
        return _fresh(b"ready\n", _LINES)

    async def page(self) -> Response:
        """The page for people."""
        body = (await self._view(None)).page
        return _fresh(body, _PAGE, {"content-security-policy": _PAGE_POLICY})

    async def _view(self, policy: str | None) -> View:
        if policy is not None and policy not in self._latest.policies:
            names = ", ".join(self._latest.policies)
            raise _Problem(422, f"no policy {policy!r:.64}; there are {names}")
        view = self._latest.view if policy is None else await self._latest.under(policy)
        if view is None:
            raise _Problem(503, self._latest.unready() or "the host has not been read yet")
        return view


def _find(view: View, target: str) -> GroupReport | UngroupedDevice:
    found = view.find(target)
    if found is not None:
        return found
    gap = view.report.groups_read
    if gap is not None and gap.why != "absent":
        raise _Problem(503, f"unknown: {gap.source}: {gap.errno or gap.detail}")
    raise _Problem(404, view.missing(target))


def _accept(request: Request) -> str:
    return ",".join(request.headers.getlist("accept"))


def _gzip(request: Request) -> bool:
    return negotiate.accepts_gzip(",".join(request.headers.getlist("accept-encoding")))


def _fresh(body: bytes, media_type: str, headers: dict[str, str] | None = None) -> Response:
    headers = {"cache-control": "no-store", "vary": "accept, accept-encoding", **(headers or {})}
    return Response(body, media_type=media_type, headers=headers)


async def _cached(request: Request, tag: str, media_type: str, body: Body | bytes) -> Response:
    """The body with its tag, or 304 where the client has it (RFC 9110 section 13.1.2)."""
    packed = isinstance(body, Body) and _gzip(request)
    etag = f'"{tag}-gzip"' if packed else f'"{tag}"'
    headers = {"etag": etag, "cache-control": "no-cache", "vary": "accept, accept-encoding"}
    known = ",".join(request.headers.getlist("if-none-match")).split(",")
    if any(one.strip().removeprefix("W/") in {etag, "*"} for one in known):
        return Response(status_code=304, headers=headers)
    if isinstance(body, bytes):
        return Response(body, media_type=media_type, headers=headers)
    if not packed:
        return Response(body.plain, media_type=media_type, headers=headers)
    if not body.is_packed:
        await asyncio.to_thread(body.pack)
    return Response(
        body.gzip(), media_type=media_type, headers={**headers, "content-encoding": "gzip"}
    )


def _reply(status: int, detail: str, more: dict[str, Json] | None = None) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(problem(status, detail, more), status, headers, MEDIA_TYPE)


async def _answered(_request: Request, error: Exception) -> Response:
    assert isinstance(error, _Problem), "registered for it"
    return _reply(error.status, str(error), error.more)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for it"
    known = "; the routes are in /openapi.json" if error.status_code == 404 else ""
    response = _reply(error.status_code, f"{error.detail}{known}")
    response.headers.update(error.headers or {})
    return response


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for it"
    said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return _reply(422, said)


async def _failed(_request: Request, _error: Exception) -> Response:
    return _reply(500, "a bug in vfioguard; its log has the details")
