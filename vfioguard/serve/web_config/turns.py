"""Turns at something dear, one at a time and fairly: a crowd from one address delays only itself.

The next turn goes to the address whose last turn was longest ago. Within an address it goes to the
user name whose last turn was longest ago, and within a name to the client that came first.

The places to wait are limited. If all are taken, a newcomer gets a place in one of three ways. A
client that is gone loses its place. Else the address with the most places gives one up, if the
newcomer's address would have fewer. Else the newcomer's own address gives one up, from the name
with the most places, if the newcomer's name would have fewer. In an address the name with the most
places loses its last one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable

from vfioguard.typed import NamedTuple


class Client(NamedTuple):
    """A client that wants a turn. `gone` returns whether it has gone meanwhile."""

    address: str = ""
    name: str = ""
    gone: Callable[[], bool] = bool


class _Place(NamedTuple):
    """A place to wait in. `turn` becomes True when the turn comes, False if the place is lost."""

    client: Client
    turn: asyncio.Future[bool]

    @property
    def names(self) -> tuple[Hashable, Hashable]:
        """The two names by which turns are counted: the address, and the user at that address."""
        return self.client.address, (self.client.address, self.client.name)


class Turns:
    """Gives turns. At most `places` clients wait. It belongs to the event loop's thread."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = False
        self._waiting: list[_Place] = []
        # The number of the last turn of each of the `names` that wait, or of the turn when it came.
        self._last: dict[Hashable, int] = {}
        self._turns = 0

    async def take(self, client: Client) -> bool:
        """Wait for a turn, which ends with `give_back`. Returns False without a place to wait."""
        if not self._taken:
            self._taken = True
            return True
        if len(self._waiting) >= self._places and not self._make_room(client):
            return False
        place = _Place(client, asyncio.get_running_loop().create_future())
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
        """End the turn, and give the next one."""
        while self._waiting:
            place = min(self._waiting, key=self._order)  # the first of equal ones
            self._turns += 1
            self._last.update(dict.fromkeys(place.names, self._turns))
            if self._end(place, came=not place.client.gone()):
                return
        self._taken = False

    def _order(self, place: _Place) -> tuple[int, int]:
        address, name = place.names
        return self._last[address], self._last[name]

    def _end(self, place: _Place, *, came: bool) -> bool:
        """End the waiting at `place`. Returns whether its client has the turn now."""
        self._waiting.remove(place)
        if place.turn.done():  # the client was cancelled
            came = False
        else:
            place.turn.set_result(came)
        still = {name for other in self._waiting for name in other.names}
        self._last = {name: turn for name, turn in self._last.items() if name in still}
        return came

    def _make_room(self, client: Client) -> bool:
        """Take a place from another client for this one. Returns False if none gives one up."""
        place = self._dispensable(client)
        if place is None:
            return False
        self._end(place, came=False)
        return True

    def _dispensable(self, client: Client) -> _Place | None:
        """The place that another client gives up for this one. Returns None if there is none."""
        gone = next((place for place in self._waiting if place.client.gone()), None)
        if gone is not None:
            return gone
        addresses = Counter(place.client.address for place in self._waiting)
        address, places = addresses.most_common(1)[0]
        if places <= addresses[client.address] + 1:  # no other address has more than a fair share
            address = client.address
        theirs = [place for place in self._waiting if place.client.address == address]
        names = Counter(place.client.name for place in theirs)
        name, places = names.most_common(1)[0] if names else ("", 0)
        if address == client.address and places <= names[client.name] + 1:
            return None
        return [place for place in theirs if place.client.name == name][-1]
