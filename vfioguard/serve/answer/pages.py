"""The pages for people. They are made in threads, and only if somebody looks.

Jinja2 is imported by the first look. Everything here raises ImportError if it is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from vfioguard.page import table
from vfioguard.page.model import Look
from vfioguard.page.table import Asked, Row
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.serve.answer import body as bodies
from vfioguard.serve.answer.body import Body, pieces
from vfioguard.serve.answer.known import Known
from vfioguard.serve.answer.latest import Latest, Single
from vfioguard.serve.answer.stale import Stale
from vfioguard.serve.answer.view import View
from vfioguard.typed import NamedTuple

#: (time, sentence) of the latest changes, the newest first; and a number that grows with them.
Changes = Callable[[], tuple[Sequence[tuple[str, str]], int]]


class _Rows(NamedTuple):
    """The rows of the table of a view with what was known then."""

    tag: str
    version: int
    rows: Sequence[Row]


class Pages:
    """Belongs to the event loop's thread. `host` is the host's name, or ""."""

    def __init__(
        self, latest: Latest, changes: Changes, clock: Callable[[], float], host: str = ""
    ) -> None:
        self._latest = latest
        self._changes = changes
        self._host = host
        self._known = Known(clock)
        self._rows: _Rows | None = None
        self._turn = asyncio.Lock()

    async def whole(self) -> Body | None:
        """The page of the whole host, made once for each change; None before the first reading."""
        view, scan = self._latest.view, self._latest.scan
        if view is None or scan is None:
            return None
        await self._known.look(view, scan.facts)
        known, (changes, number) = self._known, self._changes()
        look = Look(
            report=view.report,
            facts=known.facts,
            complete=not known.reading,
            changes=changes,
            host=self._host,
        )
        name = f"page {known.version} {number} {known.reading}"
        body = await self._latest.body(None, name, partial(whole, look, name))
        assert body is not None, "there is a view"
        return self._marked(body)

    def _marked(self, body: Body) -> Body:
        stale = self._latest.stale()
        if stale is None:
            return body
        return body.opened(opening(body.title, stale), stale.tag)

    async def devices(self, asked: Asked) -> bytes | None:
        """The page of the devices that somebody asks for; None before the first reading."""
        view, scan = self._latest.view, self._latest.scan
        if view is None or scan is None:
            return None
        await self._known.look(view, scan.facts)
        async with self._turn:
            return await asyncio.to_thread(self._part, view, asked, self._latest.stale())

    def _part(self, view: View, asked: Asked, stale: Stale | None) -> bytes:
        from vfioguard.page import rendering

        known, kept = self._known, self._rows
        facts, version = known.facts, known.version
        if kept is None or (kept.tag, kept.version) != (view.tag, version):
            kept = self._rows = _Rows(view.tag, version, table.rows(view.report, facts))
        part = table.part(kept.rows, asked)
        title = f"Devices that match {asked.words}" if asked.words else "Devices"
        return opening(title, stale) + rendering.devices(part, table.ROWS).encode()

    async def place(
        self,
        single: Single,
        member: GroupReport | UngroupedDevice,
        facts: table.FactsByName | None,
        device: str = "",
    ) -> bytes:
        """The page of a group, or of `device`; `facts` are those of its devices, if known."""
        return await asyncio.to_thread(_place, single, member, facts or {}, device)


def _place(
    single: Single,
    member: GroupReport | UngroupedDevice,
    facts: table.FactsByName,
    device: str,
) -> bytes:
    from vfioguard.page import rendering

    told = rendering.Told(
        place=member,
        report=single.view.report,
        causes=single.why(member),
        facts=facts,
        generated_at=single.generated_at,
        device=device,
    )
    return opening(rendering.place_title(told), single.stale) + rendering.place(told).encode()


def whole(look: Look, name: str, view: View) -> Body:
    """The page of a view: a `look` at its report, whose body is called `name`."""
    from vfioguard.page import rendering

    now = look._replace(report=view.report)
    rows = table.rows(view.report, look.facts)
    title = rendering.title(now)
    text = rendering.page(now, rows).encode()
    body = bodies.whole(text, f"{view.tag}-{name.replace(' ', '-')}", opening(title, None))
    body.title = title
    return body


def opening(title: str, stale: Stale | None) -> bytes:
    """The beginning of a page, with a banner if what follows may be behind the host."""
    from vfioguard.page import rendering

    return rendering.opening(title, None if stale is None else stale.sentence).encode()


def trouble(title: str, stale: Stale | None) -> bytes:
    """A page that only says why there is no other."""
    from vfioguard.page import rendering

    return opening(title, stale) + rendering.trouble(title).encode()


def asset(name: str) -> Body:
    """A file that the pages load."""
    from hashlib import sha256

    from vfioguard.page import rendering

    text = rendering.asset(name)
    return Body(pieces(text), sha256(text).hexdigest()[:16])
