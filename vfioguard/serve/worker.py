"""One thread for what may hang: a read of a dead device's attribute that never returns (D state).

Not asyncio.to_thread(): the end of the process would wait for such a thread for ever, and a pool
of them is used up, one after another.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Runs one call at a time, in the order in which they were asked for."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, call: Callable[[], T], patience: float = 0.0) -> T:
        """The call's answer, or what it raised.

        For so many seconds the loop waits and does nothing else: what is done by then is done
        sooner for everybody than where both want the one interpreter after each system call.
        """
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                future.set_exception(error)
            else:
                future.set_result(answer)

        self._calls.put(job)
        if patience and wait((future,), patience).done:
            return future.result()
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            self._calls.get()()
