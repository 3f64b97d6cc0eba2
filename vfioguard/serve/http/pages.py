"""The pages for people: the whole host, its devices, one group, one device."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response

from vfioguard.fact import printable
from vfioguard.page.table import LONGEST
from vfioguard.page.table import Asked as Search
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.latest import Single
from vfioguard.serve.answer.pages import Pages, asset, trouble
from vfioguard.serve.answer.passing import Busy
from vfioguard.serve.answer.stale import Stale
from vfioguard.serve.http import negotiate
from vfioguard.serve.http.errors import Problem
from vfioguard.serve.http.explain import screen
from vfioguard.serve.http.lookup import Lookup, devices_of, target_in
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.responses import Asked, fresh, kept
from vfioguard.serve.problem import MEDIA_TYPE
from vfioguard.target import spelled

_PAGE = "text/html; charset=utf-8"
_HTML = "text/html"
_POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
}
_ASSETS = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
#: Digits of the number of a row.
_DIGITS = 9

Number = Annotated[str, Path(alias="id", description="the number of the group")]
Address = Annotated[str, Path(description="a PCI address, or the name of another device")]


def add_pages(app: FastAPI, lookup: Lookup, pages: Pages, describe: Description) -> None:
    """The pages, and the files that they load."""

    @app.get("/", responses=describe.kept(_HTML))
    async def page(request: Request) -> Response:
        """The page for people."""

        async def made() -> Response:
            try:
                body = await pages.whole()
            except Busy:
                raise Problem(503, "too many others ask for as much", again=1) from None
            if body is None:
                lookup.ready()
                raise Problem(503, "the host is being read", again=1)
            return await _kept(request, _PAGE, body)

        return await _for_people(request, lookup.stale, made)

    @app.get("/devices", responses=describe.text(_HTML))
    async def devices(request: Request) -> Response:
        """The devices that match `q`, in the order of `sort`, from row `from` on."""

        async def made() -> Response:
            text = await pages.devices(search(request))
            if text is None:
                lookup.ready()
                raise Problem(503, "the host is being read", again=1)
            return fresh(_PAGE, text, _POLICY)

        return await _for_people(request, lookup.stale, made)

    _add_places(app, lookup, pages, describe)
    _add_assets(app)


def _add_places(app: FastAPI, lookup: Lookup, pages: Pages, describe: Description) -> None:
    @app.get("/groups/{id}", responses=describe.text(_HTML, "text/plain", errors=(404, 422)))
    async def group(request: Request, number: Number) -> Response:
        """One group: what an attach to it meets, why, what to change, and the proof."""

        async def made() -> Response:
            single = lookup.single(None)
            member = target_in(single, f"group:{number}")
            if _wants_lines(request):
                return await _lines(lookup, single, f"group:{number}", member)
            facts = await lookup.facts(devices_of(member))
            return fresh(_PAGE, await pages.place(single, member, facts), _POLICY)

        return await _for_people(request, lookup.stale, made)

    @app.get("/devices/{bdf}", responses=describe.text(_HTML, "text/plain", errors=(404, 422)))
    async def device(request: Request, bdf: Address) -> Response:
        """One device, and its group."""

        async def made() -> Response:
            single = lookup.single(None)
            if spelled(bdf).startswith("group:"):
                raise Problem(404, "a group is at /groups/{id}")
            member = target_in(single, bdf)
            if _wants_lines(request):
                return await _lines(lookup, single, bdf, member)
            name = single.view.targets.canonical(bdf)
            facts = await lookup.facts(devices_of(member))
            return fresh(_PAGE, await pages.place(single, member, facts, name), _POLICY)

        return await _for_people(request, lookup.stale, made)


def _add_assets(app: FastAPI) -> None:
    made: dict[str, Body] = {}

    async def file(request: Request, name: str) -> Response:
        if name not in made:
            made[name] = await asyncio.to_thread(asset, name)
        return await kept(Asked.by(request), _ASSETS[name], made[name])

    @app.get("/page.css", include_in_schema=False)
    async def style(request: Request) -> Response:
        return await file(request, "page.css")

    @app.get("/page.js", include_in_schema=False)
    async def script(request: Request) -> Response:
        return await file(request, "page.js")


def search(request: Request) -> Search:
    """What a reader asks for. What makes no sense is ignored, as on every page."""
    given = request.query_params
    sort, start = given.get("sort", ""), given.get("from", "")
    number = int(start) if start.isascii() and start.isdecimal() and len(start) <= _DIGITS else 0
    return Search(
        words=printable(given.get("q", "")[:LONGEST]),
        sort=sort.removeprefix("-"),
        down=sort.startswith("-"),
        start=number,
    )


def _wants_lines(request: Request) -> bool:
    return negotiate.media_type(Asked.by(request).accept, (_HTML, "text/plain")) != _HTML


async def _lines(
    lookup: Lookup, single: Single, target: str, member: GroupReport | UngroupedDevice
) -> Response:
    """What `vfioguard explain` prints."""
    facts = await lookup.facts(devices_of(member))
    return screen(single, await asyncio.to_thread(single.explain, target, member, facts))


async def _kept(request: Request, media_type: str, body: Body) -> Response:
    response = await kept(Asked.by(request), media_type, body)
    response.headers.update(_POLICY)
    return response


async def _for_people(
    request: Request, stale: Callable[[], Stale | None], made: Callable[[], Awaitable[Response]]
) -> Response:
    """What `made` gives. A client that asks for HTML gets a page that says what is wrong."""
    try:
        return await made()
    except ImportError as error:
        problem = Problem(503, f"the page needs the Python module {error.name}")
        raise problem from error
    except Problem as problem:
        offered = (MEDIA_TYPE, _HTML)
        if negotiate.media_type(Asked.by(request).accept, offered) != _HTML:
            raise
        text = await asyncio.to_thread(trouble, _sentence(str(problem)), stale())
        response = fresh(_PAGE, text, _POLICY)
        response.status_code = problem.status
        if problem.again is not None:
            response.headers["retry-after"] = str(problem.again)
        return response


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
