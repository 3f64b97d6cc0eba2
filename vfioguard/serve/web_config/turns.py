"""Turns at something dear, one at a time and fairly: a crowd from one place waits for itself alone.

A turn goes to one address after the other, and of an address to one name after the other. Where all
places to wait in are taken, who has most of them gives one up for somebody who would have fewer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable
from typing import NamedTuple


class Who(NamedTuple):
    """Who asks: from where, and by which name. `gone`: whether nobody waits for it any more."""

    address: str = ""
    name: str = ""
    gone: Callable[[], bool] = bool


class _Place(NamedTuple):
    """`turn` becomes whether it came."""

    who: Who
    turn: asyncio.Future[bool]

    @property
    def names(self) -> tuple[Hashable, Hashable]:
        """By what turns are counted: the address first."""
        return self.who.address, self.who[:2]


class Turns:
    """Belongs to the event loop's thread. At most `places` wait."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = False
        self._waiting: list[_Place] = []
        # When each of `names` that wait had its last turn, or came.
        self._last: dict[Hashable, int] = {}
        self._turns = 0

    async def take(self, who: Who) -> bool:
        """Wait for a turn, which ends with `give_back`; False where there is no place to wait."""
        if not self._taken:
            self._taken = True
            return True
        if len(self._waiting) >= self._places and not self._make_room(who):
            return False
        place = _Place(who, asyncio.get_running_loop().create_future())
        for name in place.names:
            self._last.setdefault(name, self._turns)
        self._waiting.append(place)
        try:
            return await place.turn
        except asyncio.CancelledError:
            if place.turn.done() and not place.turn.cancelled() and place.turn.result():
                self.give_back()
            raise

    def give_back(self) -> None:
        """The turn is the next one's."""
        while self._waiting:
            place = min(self._waiting, key=self._order)  # of equals the first
            self._turns += 1
            self._last.update(dict.fromkeys(place.names, self._turns))
            if self._end(place, came=not place.who.gone()):
                return
        self._taken = False

    def _order(self, place: _Place) -> tuple[int, int]:
        address, name = place.names
        return self._last[address], self._last[name]

    def _end(self, place: _Place, *, came: bool) -> bool:
        """No longer wait; whether somebody has the turn now."""
        self._waiting.remove(place)
        if place.turn.done():  # cancelled
            came = False
        else:
            place.turn.set_result(came)
        still = {name for one in self._waiting for name in one.names}
        self._last = {name: turn for name, turn in self._last.items() if name in still}
        return came

    def _make_room(self, who: Who) -> bool:
        """End one whose place is rather for who asks, if there is one."""
        place = self._dispensable(who)
        if place is None:
            return False
        self._end(place, came=False)
        return True

    def _dispensable(self, who: Who) -> _Place | None:
        """Who is gone; else the last of who has more places than who asks would have."""
        gone = next((place for place in self._waiting if place.who.gone()), None)
        if gone is not None:
            return gone
        addresses = Counter(place.who.address for place in self._waiting)
        address, places = addresses.most_common(1)[0]
        if places <= addresses[who.address] + 1:  # it has its share: one of its own, or none
            address = who.address
        theirs = [place for place in self._waiting if place.who.address == address]
        names = Counter(place.who.name for place in theirs)
        name, places = names.most_common(1)[0] if names else ("", 0)
        if address == who.address and places <= names[who.name] + 1:
            return None
        return [place for place in theirs if place.who.name == name][-1]
