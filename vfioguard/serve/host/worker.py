"""One thread for calls that may hang: a read of a dead device's attribute never returns (D state).

A thread that hangs is left behind, and another one takes its place. asyncio.to_thread() would not
do: the process would wait for such a thread at its end, for ever, and one hang after another would
use up the pool.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from queue import SimpleQueue

from vfioguard.root.patience import TICK, Patience
from vfioguard.typed import TypeAlias, TypeVar

_Calls: TypeAlias = "SimpleQueue[Callable[[], None]]"

T = TypeVar("T")


class GaveUp(Exception):
    """A read did not return. The message is its path."""


class Worker:
    """Runs one call at a time, in the order of the calls of `run`.

    `patience` decides when a read counts as hanging. As many threads as it allows are left behind.
    If a call hangs after that, `stuck` is called with the path, once for each such call.
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
        """Returns what `call` returns, and raises what it raises. Raises `GaveUp` if it hangs.

        The event loop is blocked for up to `spare` seconds. A short call ends sooner so than when
        both threads fight for the interpreter's lock after each system call.
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
            except BaseException as error:  # noqa: BLE001 - run() raises it
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
        """Run the calls until one of them was given up."""
        while True:
            calls.get()()
            if self._patience.returned():
                return
