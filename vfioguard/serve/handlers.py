"""What each route answers, from `Latest` alone: no framework, no socket, no host."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

from vfioguard.output.json import Json, dumps
from vfioguard.output.prometheus import OPENMETRICS, TEXT
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.serve import metrics, negotiate
from vfioguard.serve.body import Body, pieces
from vfioguard.serve.check import check
from vfioguard.serve.follow_changes import Follow
from vfioguard.serve.latest import Latest
from vfioguard.serve.reply import Asked, Reply, cached, fresh
from vfioguard.serve.view import View, canonical, forms
from vfioguard.verdict import Outcome

_JSON = "application/json"
_LINES = "text/plain; charset=utf-8"
_PAGE = "text/html; charset=utf-8"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Problem(Exception):
    """An answer that is no success; `more` are further members of its body."""

    def __init__(self, status: int, detail: str, more: dict[str, Json] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more


class Handlers:
    """One method for each route."""

    def __init__(self, latest: Latest, requests: Counter[tuple[str, int]], follow: Follow) -> None:
        self._latest = latest
        self._follow = follow
        self._requests = requests
        self._forms = forms()

    async def report(self, asked: Asked, policy: str | None) -> Reply:
        """The whole host, in any of the forms that `vfioguard report --output` has."""
        view = await self._view(policy)
        wanted = negotiate.media_type(asked.accept, tuple(self._forms))
        if wanted == _JSON:
            return await _cached(asked, view.tag, _JSON, await _made(view, "json", view.json))
        form = self._forms[wanted]
        body = await _made(view, wanted, partial(view.form, form))
        return await _cached(asked, f"{view.tag}-{wanted}", form.media_type, body)

    async def groups(
        self, asked: Asked, outcomes: Collection[Outcome], policy: str | None
    ) -> Reply:
        """The groups, all or by outcome; as text one line each."""
        view = await self._view(policy)
        if _wants_lines(asked):
            lines = await asyncio.to_thread(view.groups_text, outcomes)
            return await _cached(asked, f"{view.tag}-text", _LINES, lines)
        groups = await asyncio.to_thread(view.groups_json, outcomes)
        return await _cached(asked, view.tag, _JSON, groups)

    async def group(self, asked: Asked, number: str, policy: str | None) -> Reply:
        """One group with its proof."""
        view = await self._view(policy)
        found = _find(view, f"group:{number}")
        assert isinstance(found, GroupReport), "only a group has such a name"
        return await _cached(asked, view.tag, _JSON, view.group_json(found))

    async def device(self, asked: Asked, bdf: str, policy: str | None) -> Reply:
        """The device, the verdict on it, and its group."""
        view = await self._view(policy)
        if bdf.startswith("group:"):
            raise Problem(404, "a group is at /v1/groups/{id}")
        _find(view, bdf)
        return await _cached(asked, view.tag, _JSON, view.device_json(bdf))

    async def firmware(self, asked: Asked) -> Reply:
        """The firmware tables that bear on interrupts, decoded."""
        scan = self._latest.scan
        if scan is None or scan.firmware is None:
            raise Problem(503, self._latest.unready() or "the firmware has not been read")
        tag, body = await asyncio.to_thread(scan.firmware)
        return await _cached(asked, tag, _JSON, body)

    async def check(self, asked: Asked, target: str, policy: str | None, *, strict: bool) -> Reply:
        """May it be attached? The gate for `curl -f`; `target` is a BDF or group:N."""
        if (reason := self._latest.unready()) is not None:
            raise Problem(503, reason)
        view = await self._view(policy)
        found = _find(view, target)
        answer = check(view.report, canonical(target), found, strict=strict)
        if answer.status != 200:
            raise Problem(answer.status, answer.line, answer.body)
        if _wants_lines(asked):
            return fresh(_LINES, f"{answer.line}\n".encode())
        return fresh(_JSON, dumps(answer.body).encode() + b"\n")

    async def metrics(self, asked: Asked) -> Reply:
        """Prometheus text 0.0.4 or OpenMetrics 1.0, as asked for."""
        offered = ("text/plain", "application/openmetrics-text")
        openmetrics = negotiate.media_type(asked.accept, offered) != "text/plain"
        tail = metrics.tail(self._latest, self._requests, self._follow, openmetrics=openmetrics)
        view = self._latest.view
        body = Body(())
        if view is not None:
            name = "openmetrics" if openmetrics else "metrics"
            body = await _made(view, name, partial(view.metrics, openmetrics=openmetrics))
        body = Body((*body.pieces, *pieces(tail)))
        media_type = OPENMETRICS if openmetrics else TEXT
        if not asked.gzip:
            return fresh(media_type, body.plain())
        return fresh(media_type, body.gzip(), {"content-encoding": "gzip"})

    def healthy(self) -> Reply:
        """The process lives."""
        return fresh(_LINES, b"healthy\n")

    def ready(self) -> Reply:
        """The answers may be relied on."""
        if (reason := self._latest.unready()) is not None:
            raise Problem(503, reason)
        return fresh(_LINES, b"ready\n")

    async def page(self) -> Reply:
        """The page for people."""
        view = await self._view(None)
        body = await _made(view, "page", view.page)
        return fresh(_PAGE, body.plain(), {"content-security-policy": _PAGE_POLICY})

    async def _view(self, policy: str | None) -> View:
        if policy is not None and policy not in self._latest.policies:
            names = ", ".join(self._latest.policies)
            raise Problem(422, f"no policy {policy!r:.64}; there are {names}")
        view = self._latest.view if policy is None else await self._latest.under(policy)
        if view is None:
            raise Problem(503, self._latest.unready() or "the host has not been read yet")
        return view


def _find(view: View, target: str) -> GroupReport | UngroupedDevice:
    found = view.find(target)
    if found is not None:
        return found
    gap = view.report.groups_read
    if gap is not None and gap.why != "absent":
        raise Problem(503, f"unknown: {gap.source}: {gap.errno or gap.detail}")
    raise Problem(404, view.missing(target))


def _wants_lines(asked: Asked) -> bool:
    return negotiate.media_type(asked.accept, (_JSON, "text/plain")) != _JSON


async def _made(view: View, name: str, make: Callable[[], Body]) -> Body:
    """A body of the view; what is not at hand is made in a thread."""
    if view.has(name):
        return view.body(name, make)
    return await asyncio.to_thread(view.body, name, make)


async def _cached(asked: Asked, tag: str, media_type: str, body: Body | bytes) -> Reply:
    if asked.gzip and isinstance(body, Body) and not body.is_checked:
        await asyncio.to_thread(body.check)
    return cached(asked, tag, media_type, body)
