"""The latest answer, and whether it can be relied on."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count

from vfioguard.attach import Ask, How
from vfioguard.report import Checked, Choice, GroupReport, Report
from vfioguard.serve.answer.body import Body, whole
from vfioguard.serve.answer.others import NumberedScan, Others
from vfioguard.serve.answer.passing import Passing
from vfioguard.serve.answer.stale import Stale, json_opening
from vfioguard.serve.answer.view import View
from vfioguard.serve.doubt import Doubt, Reason
from vfioguard.serve.host.scan import Explain, Scan, WhatIf, Why
from vfioguard.typed import NamedTuple
from vfioguard.wording import moment

#: The answer is stale after this many intervals without a successful reading.
_STALE = 3
#: A doubt that began within so many seconds of the last one is the same: ages are of two clocks.
_SAME = 0.5


class _Current(NamedTuple):
    """The answer that is served since `published`, in seconds of the clock.

    `number` grows with each scan after which any policy may give another verdict. `since` is when
    the first scan of this number was made (RFC 3339).
    """

    scan: Scan
    view: View
    number: int
    since: str
    published: float

    @property
    def read_at(self) -> str:
        """When the host was last read (RFC 3339)."""
        return moment(self.scan.taken_at)


class Single(NamedTuple):
    """What answers a question about one group.

    `view` has the group, `under` judges it, `why` and `explain` tell of it, `what_if` judges it as
    if something were so, and `check` answers the gate. `generated_at` is when the answer was made
    (RFC 3339). `tag` identifies its bytes. `stale` is the mark that they get.
    """

    view: View
    generated_at: str
    tag: str
    check: Callable[[Iterable[GroupReport], Sequence[Ask], How], Sequence[Checked]]
    why: Why
    explain: Explain
    what_if: WhatIf
    under: Callable[[Iterable[GroupReport]], Sequence[GroupReport]] = tuple
    stale: Stale | None = None

    def judge(self, group: GroupReport) -> GroupReport:
        """The group with the verdict of the policy."""
        return self.under((group,))[0]


class Latest:
    """The answer that the handlers serve. Only the loop writes to it; a thread may call `render`.

    A report that says the same as the one before is not rendered again and keeps its tag, so that a
    client that has it gets a 304.

    `policies` are the policies that clients may ask for. `interval` is the seconds between two
    readings, and `clock` counts seconds. `nonce` keeps the tags of two processes apart. Each of
    `doubts` returns why the answer may be behind the host, or None. The first one that doubts is
    told; of one that lasts, the same is told each time.
    """

    def __init__(
        self,
        policies: tuple[str, ...],
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        nonce: str | None = None,
        doubts: Sequence[Callable[[], Doubt | None]] = (),
    ) -> None:
        self.policies = policies
        self.failures = 0
        self.interval = interval
        self._clock = clock
        self._nonce = secrets.token_hex(4) if nonce is None else nonce
        self._generations = count(1)
        self._current: _Current | None = None
        #: Why readings fail, and since when.
        self._failure: tuple[str, float] | None = None
        self._doubts = (self._failed, *doubts, self._unread)
        self._began = clock()
        self._said: tuple[Stale, float] | None = None
        self._firmware = Firmware()
        self._rendering = asyncio.Lock()
        self._selected = Passing()
        self._others = Others(self._reading, self._render, clock)

    def render(self, report: Report) -> View:
        """A view of `report`. Returns the view that is served if it says the same."""
        return self._render(report, self.view)

    def publish(self, scan: Scan, view: View) -> None:
        """Serve `scan`, as `view`, from now on."""
        old = self._current
        if old is None or view is not old.view or scan.state is not old.scan.state:
            number, since = (old.number + 1 if old else 1), scan.report.generated_at
        else:
            number, since = old.number, old.since
        self._current = _Current(
            scan=scan, view=view, number=number, since=since, published=self._clock()
        )
        self._failure = None
        self._others.forget()

    def _reading(self) -> NumberedScan:
        assert self._current is not None, "a policy is asked for after the first reading"
        return NumberedScan(self._current.scan, self._current.number)

    def fail(self, reason: str) -> None:
        """A reading failed. The answer stays, but is not relied on. `reason` is one line."""
        self.failures += 1
        since = self._clock() if self._failure is None else self._failure[1]
        self._failure = reason, since

    @property
    def view(self) -> View | None:
        """The latest view. None before the first reading."""
        return self._current.view if self._current else None

    @property
    def scan(self) -> Scan | None:
        """The latest successful reading. None before the first."""
        return self._current.scan if self._current else None

    def firmware(self) -> Body | None:
        """The decoded tables as JSON. Returns None if they were not read. Takes milliseconds."""
        scan = self.scan
        if scan is None or scan.firmware is None:
            return None
        return self._firmware.body(scan.firmware())

    def doubt(self) -> Doubt | None:
        """Why the answer cannot be relied on now. Returns None if it can."""
        for doubts in self._doubts:
            if (doubt := doubts()) is not None:
                return doubt
        return None

    def unready(self) -> str | None:
        """The same in words."""
        doubt = self.doubt()
        return None if doubt is None else doubt.why

    def stale(self) -> Stale | None:
        """The mark that every answer gets while it cannot be relied on, None while it can."""
        doubt = self.doubt()
        if doubt is None:
            return None
        since = time.time() - doubt.age
        read_at = self._current.read_at if self._current else None
        said = self._said
        if said is not None and abs(since - said[1]) < _SAME:
            stale = said[0]
            if (stale.reason, stale.why, stale.read_at) == (doubt.reason, doubt.why, read_at):
                return stale
        stale = Stale(reason=doubt.reason, why=doubt.why, since=moment(since), read_at=read_at)
        self._said = stale, since
        return stale

    def _failed(self) -> Doubt | None:
        if self._failure is None:
            return None
        why, since = self._failure
        why = f"the host could not be read: {why}"
        return Doubt(Reason.FAILED, why, self._clock() - since)

    def _unread(self) -> Doubt | None:
        """Whether the last successful reading is too old.

        A reading that failed since does not count, as the next one may succeed in time.
        """
        current = self._current
        if current is None:
            return Doubt(
                Reason.UNREAD, "the host has not been read yet", self._clock() - self._began
            )
        age = self._clock() - current.published
        # A reading that takes long delays the next one, which does not make the answer stale.
        if age > _STALE * (self.interval + current.scan.seconds):
            return Doubt(Reason.OLD, "the host has not been read for too long", age)
        return None

    async def body(
        self, chosen: Choice | None, name: str, make: Callable[[View], Body], *, keep: bool = True
    ) -> Body | None:
        """A body of the whole host. It is made in a thread if it is not at hand.

        `chosen` is what the client asked for, None for the daemon's own. `name` identifies what
        `make` makes. `keep`: later requests get the same body. Returns None before the first
        reading.
        Raises `Busy`, except for a body of the daemon's own policy with `keep`.
        """
        view = self.view
        if view is None:
            return None
        own = chosen is None or chosen == view.report.host.chosen
        if own and keep and view.has(name):
            return view.body(name, partial(make, view))
        tag, view = view.tag, None  # a waiting request must not hold a reading
        if chosen is not None and not own:
            return await self._others.body(chosen, name, make, keep=keep)
        if keep:
            async with self._rendering:
                return await self._made(name, make)
        return await self._selected.body((tag, name), partial(self._made, None, make))

    async def _made(self, name: str | None, make: Callable[[View], Body]) -> Body:
        """A body of the latest view, which keeps it as `name` if that is given."""
        view = self.view
        assert view is not None, "body() has seen one"
        if name is None:
            return await asyncio.to_thread(make, view)
        return await asyncio.to_thread(view.body, name, partial(make, view))

    def single(self, chosen: Choice | None) -> Single | None:
        """What answers about one group under `chosen`, without judging the others.

        Returns None before the first reading.
        """
        current = self._current
        if current is None:
            return None
        view, stale = current.view, self.stale()
        mark = "" if stale is None else f"-{stale.tag}"
        scan, own = current.scan, view.report.host.chosen
        single = Single(
            view=view,
            generated_at=view.report.generated_at,
            tag=view.tag + mark,
            check=_check(scan, chosen or own),
            why=scan.why,
            explain=scan.explain,
            what_if=scan.what_if,
            stale=stale,
        )
        if chosen is None or chosen == own:
            return single
        return single._replace(
            generated_at=current.since,
            tag=f"{view.tag}-{chosen.policy}-{chosen.backend}-{current.number}{mark}",
            under=partial(scan.under, chosen),
        )

    def _render(self, report: Report, previous: View | None) -> View:
        if previous is not None and _same(report, previous.report):
            return previous
        return View(report, f"{self._nonce}-{next(self._generations)}", previous)


def _check(
    scan: Scan, chosen: Choice
) -> Callable[[Iterable[GroupReport], Sequence[Ask], How], Sequence[Checked]]:
    """Answers the gate by what is `chosen`."""
    return lambda groups, asks, how: scan.check(groups, asks, chosen, how)


class Firmware:
    """Makes the body of the decoded tables: usually once, as they stay the same for a boot."""

    def __init__(self) -> None:
        self._made: tuple[bytes, Body] | None = None

    def body(self, text: bytes) -> Body:
        """The body of `text`. Its tag is a hash of the text."""
        made = self._made
        if made is None or made[0] is not text:
            opening = json_opening(None)
            assert text.startswith(opening), "firmware_json() begins as every answer"
            tag = hashlib.sha256(text).hexdigest()[:16]
            made = self._made = text, whole(text[len(opening) :], tag, opening)
        return made[1]


def _same(new: Report, old: Report) -> bool:
    """Whether two reports differ only in when they were made."""
    return new._replace(generated_at=old.generated_at) == old
