"""What each route answers, from `Latest` alone: no framework, no socket, no host."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial

from vfioguard.output.json import Json, dumps
from vfioguard.output.prometheus import TEXT
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.serve.answer.body import Body, pieces
from vfioguard.serve.answer.gate import check
from vfioguard.serve.answer.latest import Latest, Single
from vfioguard.serve.answer.passing import Busy
from vfioguard.serve.answer.view import View, forms, one_device_json, one_group_json
from vfioguard.serve.http import negotiate
from vfioguard.serve.http.exposition import OPENMETRICS
from vfioguard.serve.http.metrics import Counted, DaemonMetrics, report_metrics
from vfioguard.serve.http.reply import Asked, Reply, cached, fresh
from vfioguard.serve.telling.change_teller import ChangeTeller
from vfioguard.target import NoTarget
from vfioguard.verdict import Outcome

_JSON = "application/json"
_LINES = "text/plain; charset=utf-8"
_PAGE = "text/html; charset=utf-8"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Problem(Exception):
    """An answer that is no success.

    `more` are further members of its body; `again` is after how many seconds to come again.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        more: dict[str, Json] | None = None,
        again: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more
        self.again = again


class Handlers:
    """One method for each route."""

    def __init__(
        self,
        latest: Latest,
        requests: Counter[tuple[str, int]],
        follow: ChangeTeller,
        counted: Sequence[Counted],
    ) -> None:
        self._latest = latest
        self._metrics = DaemonMetrics(latest, requests, follow, counted)
        self._forms = forms()

    async def report(self, asked: Asked, policy: str | None) -> Reply:
        """The whole host, in any of the forms that `vfioguard report --output` has."""
        wanted = negotiate.media_type(asked.accept, tuple(self._forms))
        if wanted == _JSON:
            return await _cached(asked, _JSON, await self._body(policy, "json", View.json))
        form = self._forms[wanted]
        body = await self._body(policy, wanted, lambda view: view.form(form))
        return await _cached(asked, form.media_type, body)

    async def groups(
        self, asked: Asked, outcomes: Collection[Outcome], policy: str | None
    ) -> Reply:
        """The groups, all or by outcome; as text one line each."""
        chosen = set(outcomes) or set(Outcome)
        every = chosen == set(Outcome)
        name = "groups" if every else f"groups {sorted(chosen)}"
        if _wants_lines(asked):
            make, media_type, name = View.groups_text, _LINES, f"{name} as text"
        else:
            make, media_type = View.groups_json, _JSON
        body = await self._body(policy, name, lambda view: make(view, chosen), keep=every)
        return await _cached(asked, media_type, body)

    async def group(self, asked: Asked, number: str, policy: str | None) -> Reply:
        """One group with its proof."""
        single = self._single(policy)
        found = _find(single, f"group:{number}")
        assert isinstance(found, GroupReport), "only a group has such a name"
        return cached(asked, single.tag, _JSON, one_group_json(found, single.generated_at))

    async def device(self, asked: Asked, bdf: str, policy: str | None) -> Reply:
        """The device, the verdict on it, and its group."""
        single = self._single(policy)
        if bdf.startswith("group:"):
            raise Problem(404, "a group is at /v1/groups/{id}")
        found = _find(single, bdf)
        body = one_device_json(single.view.targets.canonical(bdf), found, single.generated_at)
        return cached(asked, single.tag, _JSON, body)

    async def firmware(self, asked: Asked) -> Reply:
        """The firmware tables that bear on interrupts, decoded."""
        body = await asyncio.to_thread(self._latest.firmware)
        if body is None:
            raise Problem(503, self._latest.unready() or "the firmware has not been read")
        return await _cached(asked, _JSON, body)

    async def check(self, asked: Asked, target: str, policy: str | None, *, strict: bool) -> Reply:
        """May it be attached? The gate for `curl -f`; `target` is a BDF or group:N."""
        if (reason := self._latest.unready()) is not None:
            raise Problem(503, reason)
        single = self._single(policy)
        found = _find(single, target)
        report = single.view.report._replace(generated_at=single.generated_at)
        answer = check(report, single.view.targets.canonical(target), found, strict=strict)
        if answer.status != 200:
            raise Problem(answer.status, answer.line, answer.body)
        if _wants_lines(asked):
            return fresh(_LINES, f"{answer.line}\n".encode())
        return fresh(_JSON, dumps(answer.body).encode() + b"\n")

    async def metrics(self, asked: Asked) -> Reply:
        """Prometheus text 0.0.4 or OpenMetrics 1.0, as asked for."""
        offered = ("text/plain", "application/openmetrics-text")
        openmetrics = negotiate.media_type(asked.accept, offered) != "text/plain"
        name = "openmetrics" if openmetrics else "metrics"
        make = partial(report_metrics, openmetrics=openmetrics)
        kept = await self._latest.body(None, name, make)
        own = pieces(self._metrics.text(openmetrics=openmetrics))
        body = Body((*(kept.pieces if kept else ()), *own))
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
        body = await self._body(None, "page", View.page)
        return fresh(_PAGE, body.plain(), {"content-security-policy": _PAGE_POLICY})

    async def _body(
        self, policy: str | None, name: str, make: Callable[[View], Body], *, keep: bool = True
    ) -> Body:
        """A body of the whole host; raises `Problem`."""
        self._known(policy)
        try:
            body = await self._latest.body(policy, name, make, keep=keep)
        except Busy:
            raise Problem(503, "too many others ask for as much", again=1) from None
        if body is None:
            raise self._unread()
        return body

    def _single(self, policy: str | None) -> Single:
        """What answers on one group; raises `Problem`."""
        self._known(policy)
        single = self._latest.single(policy)
        if single is None:
            raise self._unread()
        return single

    def _known(self, policy: str | None) -> None:
        if policy is not None and policy not in self._latest.policies:
            names = ", ".join(self._latest.policies)
            raise Problem(422, f"no policy {policy!r:.64}; there are {names}")

    def _unread(self) -> Problem:
        return Problem(503, self._latest.unready() or "the host has not been read yet")


def _find(single: Single, target: str) -> GroupReport | UngroupedDevice:
    try:
        found = single.view.targets.find(target)
    except NoTarget as error:
        gap = single.view.report.groups_read
        if gap is not None and gap.why != "absent":
            raise Problem(503, f"unknown: {gap.source}: {gap.errno or gap.detail}") from error
        raise Problem(404, str(error)) from error
    return single.judge(found) if isinstance(found, GroupReport) else found


def _wants_lines(asked: Asked) -> bool:
    return negotiate.media_type(asked.accept, (_JSON, "text/plain")) != _JSON


async def _cached(asked: Asked, media_type: str, body: Body) -> Reply:
    if asked.gzip and not body.is_checked:
        await asyncio.to_thread(body.check)
    return cached(asked, body.tag, media_type, body)
