"""The latest answer, and whether it may still be relied on."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

from vfioguard.output.prometheus import Family
from vfioguard.report import GroupReport, Report
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.others import Others, Reading
from vfioguard.serve.answer.passing import Passing
from vfioguard.serve.answer.view import View

#: Intervals without a successful reading after which the answer is no answer any more.
_STALE = 3


class Scan(NamedTuple):
    """One reading of the host. `under` judges groups of it by another policy.

    Where `state` is the very object that it was, no policy says anything else than before.
    `taken_at` is Unix time in seconds, `seconds` how long reading and judging took; `firmware`
    makes the decoded tables as JSON.
    """

    report: Report
    under: Callable[[str, Iterable[GroupReport]], Sequence[GroupReport]]
    state: object
    taken_at: float
    seconds: float
    firmware: Callable[[], Body] | None = None


class _Current(NamedTuple):
    """What is served. `at` is the clock when it was published.

    `number` counts scans by which any policy may say something else; `since` is when the first of
    this number was made.
    """

    scan: Scan
    view: View
    number: int
    since: str
    at: float


class Single(NamedTuple):
    """What one group is looked up in, and judged by; when that was said, and its tag."""

    view: View
    generated_at: str
    tag: str
    under: Callable[[Iterable[GroupReport]], Sequence[GroupReport]] = tuple

    def judge(self, group: GroupReport) -> GroupReport:
        """The group under the policy."""
        return self.under((group,))[0]


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
        self._rendering = asyncio.Lock()
        self._selected = Passing()
        self._others = Others(self._reading, self._render, clock)

    def render(self, report: Report) -> View:
        """The view of a report: the one that is served, where that says the same."""
        return self._render(report, self.view)

    def publish(self, scan: Scan, view: View) -> None:
        """Serve this from now on."""
        old = self._current
        if old is None or view is not old.view or scan.state is not old.scan.state:
            number, since = (old.number + 1 if old else 1), scan.report.generated_at
        else:
            number, since = old.number, old.since
        self._current = _Current(scan=scan, view=view, number=number, since=since, at=self._clock())
        self._failure = None
        self._others.forget()
        if self._published is not None:
            self._published(scan.report)

    def _reading(self) -> Reading:
        assert self._current is not None, "asked for by who has seen one"
        return Reading(self._current.scan, self._current.number)

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

    async def body(
        self, policy: str | None, name: str, make: Callable[[View], Body], *, keep: bool = True
    ) -> Body | None:
        """A body of the whole host, made in a thread if it is not at hand.

        Returns None before the first reading. `policy` is one of `policies`, None for the daemon's
        own; `name` says what `make` makes. `keep` it for who asks again. Raises `Busy`, but not for
        what is kept of the daemon's own.
        """
        view = self.view
        if view is None:
            return None
        own = policy is None or policy == view.report.host.pinned
        if own and keep and view.has(name):
            return view.body(name, partial(make, view))
        tag, view = view.tag, None  # who waits holds no reading, or many would be held
        if policy is not None and not own:
            return await self._others.body(policy, name, make, keep=keep)
        if keep:
            async with self._rendering:
                return await self._made(name, make)
        return await self._selected.body((tag, name), partial(self._made, None, make))

    async def _made(self, name: str | None, make: Callable[[View], Body]) -> Body:
        """A body of the latest view, which keeps it by this name."""
        view = self.view
        assert view is not None, "it was there when it was asked for"
        if name is None:
            return await asyncio.to_thread(make, view)
        return await asyncio.to_thread(view.body, name, partial(make, view))

    def single(self, policy: str | None) -> Single | None:
        """For the answer on one group under this policy, which is judged by itself.

        None before the first reading.
        """
        current = self._current
        if current is None:
            return None
        view = current.view
        if policy is None or policy == view.report.host.pinned:
            return Single(view, view.report.generated_at, view.tag)
        tag = f"{view.tag}-{policy}-{current.number}"
        return Single(
            view=view,
            generated_at=current.since,
            tag=tag,
            under=partial(current.scan.under, policy),
        )

    def _render(self, report: Report, previous: View | None) -> View:
        if previous is not None and _same(report, previous.report):
            return previous
        return View(report, f"{self._nonce}-{next(self._generations)}", previous)


def _same(one: Report, other: Report) -> bool:
    """Whether two reports differ in nothing but when they were made."""
    return one._replace(generated_at=other.generated_at) == other
