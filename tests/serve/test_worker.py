"""What may hang, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vfioguard.root.patience import Patience
from vfioguard.serve.worker import Worker

#: Seconds, far beyond what any of it takes.
_LONG = 30.0


def test_what_is_done_in_time_comes_without_a_turn_of_the_loop() -> None:
    async def turns() -> list[str]:
        said: list[str] = []
        asyncio.get_running_loop().call_soon(said.append, "turned")
        said.append(await Worker("test", Patience()).run(lambda: "answered", _LONG))
        return list(said)

    assert asyncio.run(turns()) == ["answered"]


def test_what_takes_longer_is_waited_for_while_the_loop_turns() -> None:
    async def answered() -> str:
        end = threading.Event()
        asyncio.get_running_loop().call_soon(end.set)

        def call() -> str:
            assert end.wait(_LONG), "the loop did not turn"
            return "answered"

        return await Worker("test", Patience()).run(call, 0.01)

    assert asyncio.run(answered()) == "answered"


@pytest.mark.parametrize("patience", [0.0, _LONG])
def test_what_a_call_raises_is_raised_where_it_was_asked_for(patience: float) -> None:
    def fail() -> None:
        raise OSError(5, "in vain")

    with pytest.raises(OSError, match="in vain"):
        asyncio.run(Worker("test", Patience()).run(fail, patience))


def test_calls_come_in_the_order_in_which_they_were_asked_for() -> None:
    async def order() -> list[int]:
        worker, done = Worker("test", Patience()), list[int]()
        await asyncio.gather(*(worker.run(lambda n=n: done.append(n)) for n in range(20)))
        return done

    assert asyncio.run(order()) == list(range(20))
