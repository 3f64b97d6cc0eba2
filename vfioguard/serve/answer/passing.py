"""Bodies that are not kept. They are made one at a time, shared by clients, and bounded together.

A body of a large host has some megabytes and takes seconds to make. A client that takes it slowly
holds it. Without a bound, each connection could hold another body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from vfioguard.serve.answer.body import Body
from vfioguard.typed import TypeAlias

#: Identifies a body: the same key means the same body.
Key: TypeAlias = tuple[object, ...]

#: One more body is made while all that are held have fewer deflated bytes than this. That makes two
#: to four bodies of 16,384 groups.
MOST = 8 << 20
#: The most seconds that a body waits for its turn and for room.
PATIENCE = 10.0
_LOOK = 0.05


class Busy(Exception):
    """Too many clients want other bodies."""


class Passing:
    """Belongs to the event loop's thread. A body that a client holds is shared at once.

    `most` is in bytes, `patience` in seconds, as `MOST` and `PATIENCE`.
    """

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._most = most
        self._patience = patience
        self._turn = asyncio.Lock()
        self._held: WeakValueDictionary[Key, Body] = WeakValueDictionary()
        self._making: dict[Key, asyncio.Task[Body]] = {}

    async def body(self, key: Key, make: Callable[[], Awaitable[Body]]) -> Body:
        """The body of this key. Raises `Busy`, and whatever `make` raises."""
        held = self._held.get(key)
        if held is not None:
            return held
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(task)  # other clients may wait for it too

    async def _make(self, key: Key, make: Callable[[], Awaitable[Body]]) -> Body:
        try:
            await self._my_turn()
            try:
                body = self._held[key] = await make()
            finally:
                self._turn.release()
        finally:
            del self._making[key]
        return body

    async def _my_turn(self) -> None:
        """Wait for the turn, and until clients hold few enough bytes. Raises `Busy`."""
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
                try:
                    while self._bytes() >= self._most:  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(_LOOK)
                except BaseException:
                    self._turn.release()
                    raise
        except TimeoutError as error:
            raise Busy from error

    def _bytes(self) -> int:
        return sum(body.packed for body in set(self._held.values()))
