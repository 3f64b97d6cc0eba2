"""The application: the routes of version 1, those without a version, and what holds for all.

Nothing that can be imported from here reads the host.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from vfioguard import __version__
from vfioguard.json_shapes.schema import schema
from vfioguard.output.prometheus import TEXT
from vfioguard.serve.answer.body import Body, pieces
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.answer.pages import Pages
from vfioguard.serve.asgi import App
from vfioguard.serve.http import explain, gate, negotiate, v1, what_if
from vfioguard.serve.http.errors import add_handlers
from vfioguard.serve.http.exposition import OPENMETRICS
from vfioguard.serve.http.front import Admission, Front
from vfioguard.serve.http.lookup import Lookup
from vfioguard.serve.http.metrics import Counted, DaemonMetrics, report_metrics
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.pages import add_pages
from vfioguard.serve.http.query import ExactRoute
from vfioguard.serve.http.responses import JSON, LINES, Asked, fresh, tagged
from vfioguard.serve.telling.change_teller import ChangeTeller

_SCHEMA = "application/schema+json"


def build(
    latest: Latest,
    teller: ChangeTeller,
    admission: Admission | None = None,
    counted: Sequence[Counted] = (),
    host: str = "",
) -> App:
    """The ASGI application over the latest answer and what changes in it.

    Each of `counted` gives metrics of a part of the daemon. `host` is the name of the host, or "".
    """
    describe = Description()
    app = FastAPI(
        title="vfioguard",
        version=__version__,
        description="Says which IOMMU groups VFIO would refuse on this host, and why.",
        openapi_url=None,  # served from bytes, and no page that loads scripts from elsewhere
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=Response,
        responses=describe.common,
        # Recent FastAPI exports traces where environment variables say so.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    lookup = Lookup(latest)
    requests: Counter[tuple[str, int]] = Counter()
    app.router.route_class = ExactRoute
    v1.add_whole(app, lookup, describe)
    v1.add_single(app, lookup, describe)
    gate.add_gate(app, lookup, describe)
    what_if.add_what_if(app, lookup, describe)
    explain.add_explain(app, lookup, describe)
    v1.add_events(app, teller.hub, lookup, describe)
    _add_metrics(app, latest, DaemonMetrics(latest, requests, teller, counted), describe)
    _add_probes(app, lookup, describe)
    pages = Pages(latest, teller.lately, time.monotonic, host)
    add_pages(app, lookup, pages, describe)
    _add_schema(app, describe)
    _add_document(app, latest.policies, describe)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.methods:
            route.methods.add("HEAD")  # only now: it is not an operation of its own
    add_handlers(app)
    return Front(app, requests, admission or Admission(), latest.stale)


def _add_metrics(app: FastAPI, latest: Latest, own: DaemonMetrics, describe: Description) -> None:
    @app.get("/metrics", responses=describe.text("text/plain", "application/openmetrics-text"))
    async def scrape(request: Request) -> Response:
        """Prometheus text 0.0.4 or OpenMetrics 1.0, as asked for."""
        asked = Asked.by(request)
        offered = ("text/plain", "application/openmetrics-text")
        openmetrics = negotiate.media_type(asked.accept, offered) != "text/plain"
        name = "openmetrics" if openmetrics else "metrics"
        make = partial(report_metrics, openmetrics=openmetrics)
        # First: a report may be newer than the time of the reading beside it, never older.
        daemon = pieces(own.text(openmetrics=openmetrics))
        report = await latest.body(None, name, make)
        body = Body((*(report.pieces if report else ()), *daemon))
        media_type = OPENMETRICS if openmetrics else TEXT
        if not asked.gzip:
            return fresh(media_type, body.plain())
        return fresh(media_type, body.gzip(), {"content-encoding": "gzip"})


def _add_probes(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    @app.get("/-/healthy", responses=describe.text("text/plain"))
    async def healthy() -> Response:
        """The process lives."""
        return fresh(LINES, b"healthy\n")

    @app.get("/-/ready", responses=describe.text("text/plain"))
    async def ready() -> Response:
        """The answers may be relied on."""
        lookup.ready()
        return fresh(LINES, b"ready\n")


def _add_schema(app: FastAPI, describe: Description) -> None:
    text: bytes | None = None

    @app.get("/v1/schema.json", responses=describe.file(_SCHEMA))
    async def schema_file(request: Request) -> Response:
        """The JSON Schema of every document, as `vfioguard schema` prints it."""
        nonlocal text
        if text is None:
            text = await asyncio.to_thread(schema)
        tag = hashlib.sha256(text).hexdigest()[:16]
        return tagged(Asked.by(request), tag, _SCHEMA, text)


def _add_document(app: FastAPI, policies: tuple[str, ...], describe: Description) -> None:
    described = app.openapi()  # before the routes answer HEAD too
    document: bytes | None = None

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        nonlocal document
        if document is None:  # few ask for it, and it takes long
            document = await asyncio.to_thread(describe.document, described, policies)
        return Response(document, media_type=JSON)
