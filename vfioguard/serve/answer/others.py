"""The whole host under policies that are not the daemon's own, made when somebody asks.

The text of 16,384 groups takes two seconds and some megabytes, and whoever may ask at all may ask
by every policy at once. So one is made at a time, and few are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from vfioguard.report import Report
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.passing import Passing
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.scan import Scan

#: Groups of all views that are kept: every policy's up to 5,461 groups, two of 16,384.
_KEPT = 32768
#: Groups up to which an earlier reading is held for the text that it has in common with the next.
_REUSED = 4096
#: Seconds for which a view is kept that nobody asks for: longer than between two scrapes.
_IDLE = 75.0


class Reading(NamedTuple):
    """A scan and its number, by which views of the same reading are known."""

    scan: Scan
    number: int


class _Kept(NamedTuple):
    view: View
    number: int
    asked: float


class Others:
    """Belongs to the event loop's thread; `render` makes a view, and runs in another.

    `latest` gives the latest reading, `clock` counts seconds; `kept` is for how many groups views
    are kept, but always one.
    """

    def __init__(
        self,
        latest: Callable[[], Reading],
        render: Callable[[Report, View | None], View],
        clock: Callable[[], float],
        kept: int = _KEPT,
    ) -> None:
        self._latest = latest
        self._clock = clock
        self._render = render
        self._passing = Passing()
        self._most = kept
        # In the order in which they were asked for.
        self._kept: dict[str, _Kept] = {}

    async def body(
        self, policy: str, name: str, make: Callable[[View], Body], *, keep: bool
    ) -> Body:
        """A body of the latest reading; `keep` it for who asks again. Raises `Busy`."""

        async def made() -> Body:
            view = await self._view(policy)
            if keep:
                return await asyncio.to_thread(view.body, name, partial(make, view))
            return await asyncio.to_thread(make, view)

        return await self._passing.body((policy, name, self._latest().number), made)

    def forget(self) -> None:
        """There is another reading: drop what nobody asks for, and what is of no more use."""
        number, at = self._latest().number, self._clock() - _IDLE
        self._kept = {
            policy: kept
            for policy, kept in self._kept.items()
            if kept.asked > at and (kept.number == number or self._reused(kept, number))
        }

    async def _view(self, policy: str) -> View:
        """Only one is made at a time: `Passing` sees to that."""
        reading = self._latest()  # there may be a later one than when it was asked for
        known = self._kept.pop(policy, None)
        self._make_room(len(reading.scan.report.groups))
        if known is None or known.number != reading.number:
            before = None if known is None else known.view
            view = await asyncio.to_thread(self._judge, reading.scan, policy, before)
        else:
            view = known.view
        self._kept[policy] = _Kept(view, reading.number, self._clock())
        return view

    @staticmethod
    def _reused(kept: _Kept, number: int) -> bool:
        return kept.number == number - 1 and len(kept.view.report.groups) <= _REUSED

    def _make_room(self, groups: int) -> None:
        while self._kept and groups + self._groups() > self._most:
            del self._kept[next(iter(self._kept))]

    def _groups(self) -> int:
        return sum(len(kept.view.report.groups) for kept in self._kept.values())

    def _judge(self, scan: Scan, policy: str, before: View | None) -> View:
        report = scan.report
        host = report.host._replace(pinned=policy)
        groups = tuple(scan.under(policy, report.groups))
        return self._render(report._replace(host=host, groups=groups), before)
