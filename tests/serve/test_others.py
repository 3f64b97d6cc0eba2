"""The whole host under other policies: what is kept, and what is only shared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from tests.serve.serving import Clock, scan_of
from tests.support.hosts import x86_host
from vfioguard.report import Choice, GroupReport, Report
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.others import NumberedScan, Others
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.scan import Scan

ONE, OTHER = Choice("iommu_capable"), Choice("spapr_tce")


class Judged:
    """A host of two groups, and by which policies it was judged."""

    def __init__(self, kept: int) -> None:
        self.calls: list[Choice] = []
        self._scan = scan_of(x86_host(2))
        self.others = Others(self.latest, self.render, Clock(), kept)

    def latest(self) -> NumberedScan:
        return NumberedScan(self.scan(), 1)

    def scan(self) -> Scan:
        def under(policy: Choice, groups: Iterable[GroupReport]) -> Sequence[GroupReport]:
            self.calls.append(policy)
            return self._scan.under(policy, groups)

        return self._scan._replace(under=under)

    def render(self, report: Report, before: View | None) -> View:
        return View(report, f"n-{len(self.calls)}", before)

    async def ask(self, policy: Choice, *, keep: bool = True) -> Body:
        body = await self.others.body(policy, "json", View.json, keep=keep)
        await asyncio.sleep(0.02)  # the thread that made it lets go of it
        return body


@pytest.mark.parametrize(("kept", "judged"), [(4, [ONE, OTHER]), (3, [ONE, OTHER, ONE, OTHER])])
def test_as_many_are_kept_as_have_so_many_groups(kept: int, judged: list[str]) -> None:
    async def go() -> None:
        host = Judged(kept)
        for policy in (ONE, OTHER, ONE, OTHER):
            await host.ask(policy)
        assert host.calls == judged

    asyncio.run(go())


def test_one_is_kept_however_many_groups_it_has() -> None:
    async def go() -> None:
        host = Judged(1)
        assert await host.ask(ONE) is await host.ask(ONE)
        assert host.calls == [ONE]

    asyncio.run(go())


def test_an_answer_on_its_way_is_shared_where_its_view_is_not_kept_any_more() -> None:
    async def go() -> None:
        host = Judged(1)
        on_its_way = (await host.ask(ONE)).plain()
        await host.ask(OTHER)
        again = await host.ask(ONE)
        assert host.calls == [ONE, OTHER]
        assert b"".join(again.plain().parts) == b"".join(on_its_way.parts)

    asyncio.run(go())


def test_what_is_not_to_be_kept_is_made_of_the_view_that_is() -> None:
    async def go() -> None:
        host = Judged(2)
        first = (await host.ask(ONE, keep=False)).pieces
        second = (await host.ask(ONE, keep=False)).pieces
        assert host.calls == [ONE]
        assert first == second

    asyncio.run(go())
