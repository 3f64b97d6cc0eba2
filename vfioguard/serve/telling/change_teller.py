"""Tells what changed between two published reports: to the log, the event streams and the state."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence

from vfioguard.change import Change, Kind
from vfioguard.change.compare import changes
from vfioguard.change.sentence import sentences
from vfioguard.change.state import Remembered, State, carried, same, state_of
from vfioguard.report import Report
from vfioguard.serve.host.previous_boot import History
from vfioguard.serve.telling.events import Hub, Prepared, prepare
from vfioguard.serve.telling.log import Trouble
from vfioguard.serve.telling.state_files import StateFiles
from vfioguard.typed import NamedTuple

#: Seconds between two writes of the state.
_PAUSE = 1.0
#: Seconds before a report is compared. A client that waits for its answer gets it first, as both
#: need the one interpreter.
_AFTER = 0.005

#: Lines about the latest changes that are kept for the page.
_LATELY = 10

_log = logging.getLogger("vfioguard")


class _Compared(NamedTuple):
    """What the comparison of one report with the one before it gave."""

    known: Remembered
    state: State
    changes: tuple[Change, ...]
    events: list[Prepared]
    lines: list[tuple[str, str]]
    unsaved: bool


class ChangeTeller:
    """Compares each published report with the one before it, and tells the changes.

    Only the event loop's thread writes to it. Reports that are published while one is compared make
    one step together.

    `boot_id` is the boot of the host that is read. `files` keep its state over restarts; they are
    read at once, and whatever is wrong with them is logged. `tell` puts changes into the log.
    `counts` counts the changes by kind. `kept` is whether the last state could be kept, None
    without `files`.
    """

    def __init__(
        self,
        boot_id: str | None = None,
        files: StateFiles | None = None,
        tell: Callable[[Sequence[Change]], None] | None = None,
        hub: Hub | None = None,
    ) -> None:
        self.hub = hub or Hub()
        self.counts = Counter(dict.fromkeys(Kind, 0))
        self.kept: bool | None = None if files is None else True
        self._lately: deque[tuple[str, str]] = deque(maxlen=_LATELY)
        self._boot_id = boot_id
        self._files = files
        self._tell = tell
        kept = files.load(boot_id) if files else None
        self.history = History(kept and kept.previous_boot, files.previous if files else "")
        self._state = self._saved = kept.last if kept else None
        self._known: Remembered | None = None
        self._pending: Report | None = None
        self._trouble = Trouble("what changed is compared again")
        self._published = asyncio.Event()
        self._unsaved = asyncio.Event()

    def lately(self) -> tuple[Sequence[tuple[str, str]], int]:
        """(Time, sentence) of the latest changes, the newest first, and how many there were."""
        return tuple(self._lately), self.counts.total()

    def published(self, report: Report) -> None:
        """Take in the report that is served from now on. This costs nothing; `run` compares it."""
        self._pending = report
        self._published.set()

    async def run(self) -> None:
        """Compare published reports for ever. When cancelled, save the state if need be."""
        saving = asyncio.create_task(self._save_for_ever())
        try:
            while True:
                await self._published.wait()
                await asyncio.sleep(_AFTER)
                self._published.clear()
                assert self._pending is not None, "published() sets it first"
                await self.step(self._pending)
        finally:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            await self.save()

    async def step(self, report: Report) -> None:
        """Compare `report` with the one before it, and tell what changed."""
        try:
            compared = await asyncio.to_thread(self._compare, report)
        except Exception as error:  # noqa: BLE001 - a bug must not end the comparing of later reports
            self._trouble.here("what changed could not be compared", error)
            self._known = None
            return
        self._trouble.gone()
        self._known, self._state = compared.known, compared.state
        if compared.changes:
            self.counts.update(change.kind for change in compared.changes)
            self._lately.extendleft(reversed(compared.lines))
            self.hub.publish(compared.events, len(compared.changes))
            if self._tell is not None:
                await asyncio.to_thread(self._tell, compared.changes)
        if self._files is None:
            return
        if compared.unsaved:
            self._unsaved.set()
        else:
            self._saved = compared.state  # an equal state, which shares its parts with the report

    def _compare(self, report: Report) -> _Compared:
        known = Remembered(report, state_of(report, self._boot_id, self._known))
        before = self._state
        state = known.state if before is None else carried(before, known.state)
        differences = () if before is None else changes(before, state)
        unsaved = self._saved is None or not same(self._saved, state)
        return _Compared(
            known=known,
            state=state,
            changes=differences,
            events=prepare(differences),
            lines=[(state.at, line) for line in sentences(differences)[:_LATELY]],
            unsaved=unsaved,
        )

    async def _save_for_ever(self) -> None:
        while True:
            await self._unsaved.wait()
            await self.save()
            await asyncio.sleep(_PAUSE)

    async def save(self) -> None:
        """Save the state if it is not saved yet."""
        if self._unsaved.is_set():
            self._unsaved.clear()
            await asyncio.to_thread(self._save)

    def _save(self) -> None:
        """Save in a thread. A failure is logged once; the next report tries again."""
        state, files = self._state, self._files
        assert files is not None, "else nothing is unsaved"
        assert state is not None, "else nothing is unsaved"
        try:
            files.save(state)
        except OSError as error:
            if self.kept:
                _log.warning("the state cannot be kept: %s: %s", files.directory, error.strerror)
            self.kept = False
        else:
            if self.kept is False:
                _log.info("the state is kept again in %s", files.directory)
            self.kept, self._saved = True, state
