"""Bodies that are not kept: made one at a time, shared by all who take them, bounded together.

A body of a large host is some megabytes and takes seconds to make. Whoever takes it slowly holds
it, so that as many as there are connections could be held at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from weakref import WeakValueDictionary

from vfioguard.serve.answer.body import Body

#: What makes the same body, and no other one.
Key: TypeAlias = tuple[object, ...]

#: Bytes of all that are held, deflated, before one more is made: of 16,384 groups two to four.
MOST = 8 << 20
#: Seconds that one waits for its turn, and for room.
PATIENCE = 10.0
_LOOK = 0.05


class Busy(Exception):
    """Too many others want something else."""


class Passing:
    """Belongs to the event loop's thread. What is held already is never `Busy`."""

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._most = most
        self._patience = patience
        self._turn = asyncio.Lock()
        self._held: WeakValueDictionary[Key, Body] = WeakValueDictionary()
        self._making: dict[Key, asyncio.Task[Body]] = {}

    async def body(self, key: Key, make: Callable[[], Awaitable[Body]]) -> Body:
        """The body of this key. Raises `Busy`, and whatever `make` raises."""
        found = self._held.get(key)
        if found is not None:
            return found
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(task)  # others may wait for it too

    async def _make(self, key: Key, make: Callable[[], Awaitable[Body]]) -> Body:
        try:
            await self._my_turn()
            try:
                found = self._held[key] = await make()
            finally:
                self._turn.release()
        finally:
            del self._making[key]
        return found

    async def _my_turn(self) -> None:
        """Wait for it, and until enough of what is held has been taken. Raises `Busy`."""
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
                try:
                    while self._bytes() >= self._most:  # noqa: ASYNC110 - told by nobody
                        await asyncio.sleep(_LOOK)
                except BaseException:
                    self._turn.release()
                    raise
        except TimeoutError as error:
            raise Busy from error

    def _bytes(self) -> int:
        return sum(body.packed for body in set(self._held.values()))
