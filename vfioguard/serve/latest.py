"""The latest answer, whether it may still be relied on, and the same host under other policies."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import NamedTuple

from vfioguard.output.prometheus import Family
from vfioguard.report import Report
from vfioguard.serve.body import Tagged
from vfioguard.serve.view import View

#: Intervals without a successful reading after which the answer is no answer any more.
_STALE = 3


class Scan(NamedTuple):
    """One reading of the host. `under` judges the same reading by another policy.

    `taken_at` is Unix time in seconds, `seconds` how long reading and judging took; `firmware`
    makes the decoded tables as JSON.
    """

    report: Report
    under: Callable[[str], Report]
    taken_at: float
    seconds: float
    firmware: Callable[[], Tagged] | None = None


class _Current(NamedTuple):
    """What is served. `number` counts scans, `at` is the clock when this one was published."""

    scan: Scan
    view: View
    number: int
    at: float


class Latest:
    """What the handlers take. Written by the loop alone; `render` may run in a thread.

    `policies` are the names that `under` may be asked for, `interval` and `clock` count seconds.
    A view that says the same as the one before it is not rendered again and keeps its tag, so that
    a client that has it gets a 304. `nonce` keeps the tags of two processes apart. `published` is
    told of every report that is served.
    """

    def __init__(
        self,
        policies: tuple[str, ...],
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        nonce: str | None = None,
        published: Callable[[Report], None] | None = None,
    ) -> None:
        self.policies = policies
        self.failures = 0
        self._interval = interval
        self._clock = clock
        self._nonce = secrets.token_hex(4) if nonce is None else nonce
        self._published = published
        self._generations = count(1)
        self._current: _Current | None = None
        self._failure: str | None = None
        self._lost = False
        #: Why changes are not heard of, None where they are.
        self.blind: Callable[[], str | None] = lambda: None
        #: Why what is served may be behind what was heard of, None where it is not.
        self.behind: Callable[[], str | None] = lambda: None
        #: What the parts of the daemon count, as families of metrics.
        self.counts: list[Callable[[], Iterable[Family]]] = []
        self._others: dict[str, tuple[int, View]] = {}
        self._locks = {policy: asyncio.Lock() for policy in policies}

    def render(self, report: Report) -> View:
        """The view of a report: the one that is served, where that says the same."""
        return self._render(report, self.view)

    def publish(self, scan: Scan, view: View) -> None:
        """Serve this from now on."""
        number = self._current.number + 1 if self._current else 1
        self._current = _Current(scan, view, number, self._clock())
        self._failure = None
        # Keep another policy's view only while somebody asks for it.
        self._others = {p: kept for p, kept in self._others.items() if kept[0] >= number - 1}
        if self._published is not None:
            self._published(scan.report)

    def fail(self, reason: str) -> None:
        """A reading failed: what is served stays, and is not relied on. One line."""
        self.failures += 1
        self._failure = reason

    def doubt(self, *, lost: bool) -> None:
        """Whether events were lost that no reading has made up for yet."""
        self._lost = lost

    @property
    def view(self) -> View | None:
        """The latest view, None before the first reading."""
        return self._current.view if self._current else None

    @property
    def scan(self) -> Scan | None:
        """The latest successful reading."""
        return self._current.scan if self._current else None

    def unready(self) -> str | None:
        """Why the answer is not to be relied on now, None where it is."""
        if self._failure is not None:
            return f"the host could not be read: {self._failure}"
        if self._lost:
            return "events were lost; the host is being read again"
        return self.behind() or self.blind() or self.stale()

    def stale(self) -> str | None:
        """Why the last reading that succeeded is too old, None where it is not.

        A reading that failed since may be made up for by the next.
        """
        if self._current is None:
            return "the host has not been read yet"
        age = self._clock() - self._current.at
        # A reading that takes long makes the next one come late, which is not staleness.
        if age > _STALE * (self._interval + self._current.scan.seconds):
            return f"the host was last read {age:.0f} s ago"
        return None

    async def under(self, policy: str) -> View | None:
        """The latest reading judged by this policy, once per reading. Raises KeyError."""
        async with self._locks[policy]:
            current = self._current
            if current is None or current.scan.report.host.pinned == policy:
                return self.view
            known = self._others.get(policy)
            if known is not None and known[0] == current.number:
                return known[1]
            previous = known[1] if known else None
            view = await asyncio.to_thread(self._judge, current.scan, policy, previous)
            self._others[policy] = current.number, view
            return view

    def _judge(self, scan: Scan, policy: str, previous: View | None) -> View:
        return self._render(scan.under(policy), previous)

    def _render(self, report: Report, previous: View | None) -> View:
        if previous is not None and _same(report, previous.report):
            return previous
        return View(report, f"{self._nonce}-{next(self._generations)}", previous)


def _same(one: Report, other: Report) -> bool:
    """Whether two reports differ in nothing but when they were made."""
    return one[1:] == other[1:]
