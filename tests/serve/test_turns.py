"""Whose turn it is, and who finds no place to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from vfioguard.serve.web_config.turns import Client, Turns


class Crowd:
    """Everybody who asks, in the order in which they had their turns."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.had: list[str] = []
        self.refused: list[str] = []
        self.at_once = 0

    async def ask(self, label: str, client: Client) -> None:
        if not await self.turns.take(client):
            self.refused.append(label)
            return
        self.at_once += 1
        assert self.at_once == 1
        await asyncio.sleep(0)
        self.had.append(label)
        self.at_once -= 1
        self.turns.give_back()


def after(places: int, *asked: tuple[str, Client]) -> Crowd:
    """They ask one after the other, while the first has the turn."""

    async def go() -> Crowd:
        crowd = Crowd(places)
        await asyncio.gather(*(crowd.ask(*one) for one in asked))
        return crowd

    return asyncio.run(go())


def many(number: int, address: str, name: str = "admin") -> list[tuple[str, Client]]:
    return [(f"{address} {name} {n}", Client(address, name)) for n in range(number)]


def test_a_turn_goes_to_one_address_after_the_other() -> None:
    crowd = after(9, *many(5, "a"), *many(2, "b"))
    assert "".join(label[0] for label in crowd.had) == "aababaa"


def test_a_turn_of_an_address_goes_to_one_name_after_the_other() -> None:
    crowd = after(9, *many(5, "a", "admin"), *many(1, "a", "prometheus"))
    assert crowd.had[2] == "a prometheus 0"


def test_of_one_address_and_name_the_first_to_come_goes_first() -> None:
    crowd = after(9, *many(6, "a"))
    assert crowd.had == [label for label, _ in many(6, "a")]


def test_a_newcomer_takes_the_place_of_the_last_of_a_crowd() -> None:
    crowd = after(3, *many(4, "a"), *many(1, "b"))
    assert crowd.refused == ["a admin 3"]
    assert "b admin 0" in crowd.had


def test_another_name_takes_the_place_of_the_last_of_a_crowd_with_one() -> None:
    crowd = after(3, *many(4, "a"), *many(1, "a", "prometheus"))
    assert crowd.refused == ["a admin 3"]


def test_who_has_as_many_places_as_the_others_gets_no_more() -> None:
    crowd = after(4, *many(1, "x"), *many(2, "a"), *many(2, "b"), ("late", Client("a", "admin")))
    assert crowd.refused == ["late"]


def test_a_crowd_cannot_take_the_places_of_others() -> None:
    crowd = after(4, *many(1, "x"), *many(1, "b"), *many(1, "c"), *many(40, "a"))
    assert {"b admin 0", "c admin 0"} <= set(crowd.had)
    assert len(crowd.refused) == 38


def test_who_is_gone_makes_room_and_spends_no_turn() -> None:
    gone = [(f"gone {n}", Client("a", "admin", lambda: True)) for n in range(3)]
    crowd = after(3, *many(1, "x"), *gone, *many(2, "a"))
    assert crowd.had == ["x admin 0", "a admin 0", "a admin 1"]
    assert len(crowd.refused) == 3


def test_who_no_longer_waits_keeps_nobody_waiting() -> None:
    async def go() -> None:
        crowd = Crowd(5)
        assert await crowd.turns.take(Client())
        tasks = [asyncio.create_task(crowd.ask(*one)) for one in many(3, "a")]
        await asyncio.sleep(0)
        tasks[0].cancel()
        crowd.turns.give_back()
        tasks[1].cancel()  # it has been given the turn, and does not know it yet
        await asyncio.gather(*tasks, return_exceptions=True)
        assert crowd.had == ["a admin 2"]
        assert await crowd.turns.take(Client())

    asyncio.run(go())


asking = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans())


@given(st.lists(asking, max_size=40), st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_everybody_has_their_turn_or_is_told_that_they_have_none(
    crowd: list[tuple[str, str, bool]], places: int
) -> None:
    def is_gone(gone: bool) -> Callable[[], bool]:
        return lambda: gone

    asked = [(str(n), Client(a, b, is_gone(gone))) for n, (a, b, gone) in enumerate(crowd)]
    found = after(places, *asked)
    assert sorted([*found.had, *found.refused], key=int) == [label for label, _ in asked]
    there = [n for n, (_, _, gone) in enumerate(crowd) if not gone]
    assert len(found.had) >= min(len(there), places)
