"""The whole host by another policy or backend than the daemon's own, made when a client asks.

The text of 16,384 groups takes two seconds and some megabytes, and a client may ask for every
policy at once. So one view is made at a time, and few are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from vfioguard.report import Choice, Report
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.passing import Passing
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.scan import Scan
from vfioguard.typed import NamedTuple

#: The most groups in all kept views together: six views of 5,461 groups, or two of 16,384.
_KEPT = 32768
#: A view of at most so many groups is kept for one more reading, as the next one reuses its text.
_REUSED = 4096
#: Seconds for which a view is kept that nobody asks for: longer than the time between two scrapes.
_IDLE = 75.0


class NumberedScan(NamedTuple):
    """A scan and its number. Views with the same number say the same."""

    scan: Scan
    number: int


class _Kept(NamedTuple):
    view: View
    number: int
    asked: float


class Others:
    """Makes and keeps such views. It belongs to the event loop's thread.

    `latest` returns the latest reading. `render` makes a view, in another thread. `clock` counts
    seconds. `kept` is the most groups in all kept views together; one view is always kept.
    """

    def __init__(
        self,
        latest: Callable[[], NumberedScan],
        render: Callable[[Report, View | None], View],
        clock: Callable[[], float],
        kept: int = _KEPT,
    ) -> None:
        self._latest = latest
        self._clock = clock
        self._render = render
        self._passing = Passing()
        self._most = kept
        # The view that was asked for last is at the end.
        self._kept: dict[Choice, _Kept] = {}

    async def body(
        self, chosen: Choice, name: str, make: Callable[[View], Body], *, keep: bool
    ) -> Body:
        """A body of the latest reading. `keep`: later requests get the same. Raises `Busy`."""

        async def made() -> Body:
            view = await self._view(chosen)
            if keep:
                return await asyncio.to_thread(view.body, name, partial(make, view))
            return await asyncio.to_thread(make, view)

        return await self._passing.body((chosen, name, self._latest().number), made)

    def forget(self) -> None:
        """Drop the views that nobody asks for, and those of no use after the latest reading."""
        number, idle_since = self._latest().number, self._clock() - _IDLE
        self._kept = {
            chosen: kept
            for chosen, kept in self._kept.items()
            if kept.asked > idle_since and (kept.number == number or self._reused(kept, number))
        }

    async def _view(self, chosen: Choice) -> View:
        """The view of what is `chosen`. `Passing` lets one be made at a time."""
        reading = self._latest()  # a later one, maybe, than when the client asked
        earlier = self._kept.pop(chosen, None)
        self._make_room(len(reading.scan.report.groups))
        if earlier is None or earlier.number != reading.number:
            before = None if earlier is None else earlier.view
            view = await asyncio.to_thread(self._judge, reading.scan, chosen, before)
        else:
            view = earlier.view
        self._kept[chosen] = _Kept(view, reading.number, self._clock())
        return view

    @staticmethod
    def _reused(kept: _Kept, number: int) -> bool:
        return kept.number == number - 1 and len(kept.view.report.groups) <= _REUSED

    def _make_room(self, groups: int) -> None:
        while self._kept and groups + self._groups() > self._most:
            del self._kept[next(iter(self._kept))]

    def _groups(self) -> int:
        return sum(len(kept.view.report.groups) for kept in self._kept.values())

    def _judge(self, scan: Scan, chosen: Choice, before: View | None) -> View:
        report = scan.report
        host = report.host.choosing(chosen, report.policies)
        groups = tuple(scan.under(chosen, report.groups))
        return self._render(report._replace(host=host, groups=groups), before)
