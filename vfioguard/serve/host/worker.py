"""One thread for what may hang: a read of a dead device's attribute that never returns (D state).

It is left behind then, and another one takes its place. Not asyncio.to_thread(): the end of the
process would wait for such a thread for ever, and a pool of them is used up, one after another.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

from vfioguard.root.patience import TICK, Patience

_Calls: TypeAlias = "SimpleQueue[Callable[[], None]]"

T = TypeVar("T")


class GaveUp(Exception):
    """A read did not return; its path."""


class Worker:
    """Runs one call at a time, in the order in which they were asked for.

    `patience` says which read does not return. `stuck` is told, once for each call, the path at
    which it hangs for good: no further thread is left behind.
    """

    def __init__(
        self, name: str, patience: Patience, stuck: Callable[[str], None] = lambda _: None
    ) -> None:
        self._name = name
        self._patience = patience
        self._stuck = stuck
        self._calls = self._started()

    def _started(self) -> _Calls:
        calls: _Calls = SimpleQueue()
        threading.Thread(target=self._work, args=(calls,), name=self._name, daemon=True).start()
        return calls

    async def run(self, call: Callable[[], T], spare: float = 0.0) -> T:
        """The call's answer, or what it raised; raises `GaveUp`.

        For `spare` seconds the loop waits and does nothing else: what is done by then is done
        sooner for everybody than where both want the one interpreter after each system call.
        """
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            door = self._patience.door
            self._patience.begin()
            try:
                answer = call()
                door.leave()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                with suppress(IndexError):
                    door.leave()
                with suppress(InvalidStateError):
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(answer)

        self._calls.put(job)
        if spare and wait((future,), spare).done:
            return future.result()
        return await self._watched(future)

    async def _watched(self, future: Future[T]) -> T:
        waiter = asyncio.wrap_future(future)
        told = False
        try:
            while not (await asyncio.wait((waiter,), timeout=TICK))[0]:
                path = self._patience.look()
                if path is not None:
                    self._calls = self._started()
                    raise GaveUp(path)
                if not told and (path := self._patience.stuck) is not None:
                    told = True
                    self._stuck(path)
            return waiter.result()
        finally:
            waiter.cancel()

    def _work(self, calls: _Calls) -> None:
        """Until one of the calls was given up."""
        while True:
            calls.get()()
            if self._patience.returned():
                return
