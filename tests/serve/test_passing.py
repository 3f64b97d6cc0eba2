"""Bodies that are not kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from vfioguard.serve.answer.body import Body, whole
from vfioguard.serve.answer.passing import Busy, Passing

NOISE = random.Random(1).randbytes(1000)


class Maker:
    """Counts what is made, and how many at once."""

    def __init__(self) -> None:
        self.made = 0
        self.now = 0
        self.most = 0

    async def __call__(self) -> Body:
        self.made += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return whole(NOISE)


def run(test: Callable[[Maker], Awaitable[None]]) -> None:
    async def go() -> None:
        await test(Maker())

    asyncio.run(go())


def test_what_many_ask_for_at_once_is_made_once() -> None:
    async def test(make: Maker) -> None:
        passing = Passing()
        bodies = await asyncio.gather(*(passing.body(("key",), make) for _ in range(20)))
        assert (len(set(bodies)), make.made) == (1, 1)

    run(test)


def test_one_is_made_at_a_time() -> None:
    async def test(make: Maker) -> None:
        passing = Passing()
        await asyncio.gather(*(passing.body((n,), make) for n in range(10)))
        assert (make.made, make.most) == (10, 1)

    run(test)


def test_what_nobody_takes_any_more_is_gone() -> None:
    async def test(make: Maker) -> None:
        passing = Passing()
        for _ in range(2):
            await passing.body(("key",), make)
            await asyncio.sleep(0)
        assert make.made == 2

    run(test)


@pytest.mark.parametrize("take", [Body.plain, Body.gzip])
def test_what_somebody_is_still_taking_is_shared(take: Callable[[Body], object]) -> None:
    async def test(make: Maker) -> None:
        passing = Passing()
        taken = take(await passing.body(("key",), make))
        await passing.body(("key",), make)
        assert make.made == 1
        del taken
        await asyncio.sleep(0)
        await passing.body(("key",), make)
        assert make.made == 2

    run(test)


def test_where_too_much_is_held_the_next_waits_until_some_of_it_has_been_taken() -> None:
    async def test(make: Maker) -> None:
        passing = Passing(most=1500)
        held = [await passing.body((n,), make) for n in range(2)]
        waiting = asyncio.create_task(passing.body(("more",), make))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        held.pop()
        await waiting

    run(test)


def test_who_has_waited_too_long_is_told_to_come_again_and_no_other_is_held_up() -> None:
    async def test(make: Maker) -> None:
        passing = Passing(most=1500, patience=0.1)
        held = [await passing.body((n,), make) for n in range(2)]
        for _ in range(2):
            with pytest.raises(Busy):
                await passing.body(("more",), make)
        assert await passing.body((0,), make) is held[0]
        held.clear()
        await passing.body(("more",), make)

    run(test)


def test_who_waits_too_long_for_their_turn_is_told_to_come_again() -> None:
    async def test(make: Maker) -> None:
        passing = Passing(patience=0.05)

        async def slow() -> Body:
            await asyncio.sleep(0.3)
            return await make()

        first = asyncio.create_task(passing.body(("slow",), slow))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await passing.body(("other",), make)
        await first

    run(test)


def test_what_cannot_be_made_keeps_nobody_else_from_theirs() -> None:
    async def broken() -> Body:
        raise ZeroDivisionError

    async def test(make: Maker) -> None:
        passing = Passing()
        with pytest.raises(ZeroDivisionError):
            await passing.body(("broken",), broken)
        await passing.body(("key",), make)

    run(test)
