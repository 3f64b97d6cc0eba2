"""Reads what devices are, beside what decides, when somebody asks.

It has a thread and a patience of its own, so that no verdict waits for such a read, and one that
hangs casts no doubt on the answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from vfioguard.device_facts import DeviceFacts
from vfioguard.judging.described import described
from vfioguard.judging.evaluate import Judged
from vfioguard.reading.facts import facts
from vfioguard.root import Root
from vfioguard.root.opening import CannotOpen
from vfioguard.root.patience import Door, Patience
from vfioguard.serve.host.worker import GaveUp, Worker

_log = logging.getLogger("vfioguard")

#: Devices that are read at a time, which takes 30 to 60 ms. Then others get a turn.
_PART = 128
#: The most seconds that one part may take. A read that hangs is given up after one.
LONGEST = 4.0


class Describing:
    """`opened` opens the host for the thread that reads through a door."""

    def __init__(self, opened: Callable[[Door], Root], patience: Patience | None = None) -> None:
        self._opened = opened
        self._patience = patience or Patience()
        self._turn = asyncio.Lock()
        self._worker: Worker | None = None  # most daemons are never asked
        self._failure: str | None = None

    async def facts(self, judged: Judged, names: Sequence[str]) -> Mapping[str, DeviceFacts] | None:
        """The facts of these devices, by name. Returns None if they could not be read in time."""
        told: dict[str, DeviceFacts] = {}
        for start in range(0, len(names), _PART):
            part = names[start : start + _PART]
            try:
                async with asyncio.timeout(LONGEST), self._turn:
                    told |= await self._part(partial(self._read, part))
            except (GaveUp, TimeoutError, CannotOpen) as error:
                self._fails(str(error) or "no answer")
                return None
        if self._failure is not None:
            _log.warning("what devices are is read again")
        self._failure = None
        infer = partial(described, judged.snapshot, told, judged.host)
        return await asyncio.to_thread(infer)  # it reads nothing, so it cannot hang

    def _fails(self, why: str) -> None:
        """Say it in the log, once until it goes well again."""
        if why != self._failure:
            _log.warning("what devices are could not be read: %s", why)
        self._failure = why

    async def _part(self, read: Callable[[], dict[str, DeviceFacts]]) -> dict[str, DeviceFacts]:
        """What `read` returns, without the paths that do not answer.

        Raises `GaveUp` at once if the thread hangs and cannot be given up.
        """
        if self._worker is None:
            self._worker = Worker("vfioguard-facts", self._patience)
        while True:
            if (path := self._patience.stuck) is not None:
                raise GaveUp(path)
            try:
                return await self._worker.run(read)
            except GaveUp as error:
                _log.warning("%s does not answer: left out of what its device is", error)

    def _read(self, names: Sequence[str]) -> dict[str, DeviceFacts]:
        return facts(self._opened(self._patience.door), names)
