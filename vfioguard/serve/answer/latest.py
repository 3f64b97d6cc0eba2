"""The latest answer, and whether it may still be relied on."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

from vfioguard.report import GroupReport, Report
from vfioguard.serve.answer.body import Body, whole
from vfioguard.serve.answer.others import Others, Reading
from vfioguard.serve.answer.passing import Passing
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.scan import Scan

#: Intervals without a successful reading after which the answer is no answer any more.
_STALE = 3


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
    a client that has it gets a 304. `nonce` keeps the tags of two processes apart. Each of `doubts`
    says why the answer may be behind the host, or None.
    """

    def __init__(
        self,
        policies: tuple[str, ...],
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        nonce: str | None = None,
        doubts: Sequence[Callable[[], str | None]] = (),
    ) -> None:
        self.policies = policies
        self.failures = 0
        self._interval = interval
        self._clock = clock
        self._nonce = secrets.token_hex(4) if nonce is None else nonce
        self._generations = count(1)
        self._current: _Current | None = None
        self._failure: str | None = None
        self._doubts = tuple(doubts)
        self._firmware = Firmware()
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

    def _reading(self) -> Reading:
        assert self._current is not None, "asked for by who has seen one"
        return Reading(self._current.scan, self._current.number)

    def fail(self, reason: str) -> None:
        """A reading failed: what is served stays, and is not relied on. One line."""
        self.failures += 1
        self._failure = reason

    @property
    def view(self) -> View | None:
        """The latest view, None before the first reading."""
        return self._current.view if self._current else None

    @property
    def scan(self) -> Scan | None:
        """The latest successful reading."""
        return self._current.scan if self._current else None

    def firmware(self) -> Body | None:
        """The decoded tables as JSON; None if they were not read. Takes milliseconds."""
        scan = self.scan
        return (
            None if scan is None or scan.firmware is None else self._firmware.body(scan.firmware())
        )

    def unready(self) -> str | None:
        """Why the answer is not to be relied on now, None where it is."""
        if self._failure is not None:
            return f"the host could not be read: {self._failure}"
        for doubt in self._doubts:
            if (why := doubt()) is not None:
                return why
        return self.stale()

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


class Firmware:
    """The body of the decoded tables: made once for the same text, which is once in a boot."""

    def __init__(self) -> None:
        self._made: tuple[bytes, Body] | None = None

    def body(self, text: bytes) -> Body:
        """The body of this text, tagged by what it says."""
        made = self._made
        if made is None or made[0] is not text:
            made = self._made = text, whole(text, hashlib.sha256(text).hexdigest()[:16])
        return made[1]


def _same(one: Report, other: Report) -> bool:
    """Whether two reports differ in nothing but when they were made."""
    return one._replace(generated_at=other.generated_at) == other
