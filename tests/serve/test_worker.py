"""What may hang, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vfioguard.root.patience import Patience
from vfioguard.serve.host.worker import GaveUp, Worker

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


def test_a_call_that_reads_without_end_is_given_up_and_the_next_one_is_answered() -> None:
    path, release = "/sys/class/iommu", threading.Event()
    patience = Patience()

    def hang() -> None:
        patience.door.place[1] = path
        release.wait(_LONG)

    async def next_one() -> str:
        worker, returned = Worker("test", patience), asyncio.Event()
        loop = asyncio.get_running_loop()
        patience.answered = lambda _: loop.call_soon_threadsafe(returned.set)
        with pytest.raises(GaveUp, match=path):
            await worker.run(hang)
        assert patience.hung == (path,)
        answer = await worker.run(lambda: "answered")
        release.set()
        await asyncio.wait_for(returned.wait(), _LONG)
        assert patience.hung == ()
        return answer

    assert asyncio.run(next_one()) == "answered"


def test_where_too_many_hang_it_is_told_once_and_waited_for() -> None:
    path, release = "/sys/class/iommu", threading.Event()
    patience = Patience(most=0)
    told: list[str] = []

    def stuck(where: str) -> None:
        told.append(where)
        asyncio.get_running_loop().call_later(0.5, release.set)

    def hang() -> str:
        patience.door.place[1] = path
        release.wait(_LONG)
        return "answered"

    async def answered() -> str:
        return await Worker("test", patience, stuck).run(hang)

    assert asyncio.run(answered()) == "answered"
    assert told == [path]
