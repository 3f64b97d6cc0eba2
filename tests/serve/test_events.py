"""/v1/events: the ring, and streams over it as a server sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.serve.document import holds
from tests.support.states import state
from vfioguard.change.compare import changes
from vfioguard.output.change.json import change_json
from vfioguard.serve.answer.stale import Stale
from vfioguard.serve.http.stream import Stream
from vfioguard.serve.telling.events import PAST, Hub, Prepared, prepare

ONE = changes(state(), state({0: ["a"]}))


def tick(number: int = 0) -> list[Prepared]:
    return [Prepared("tick", str(number).encode())]


def parse(text: str) -> list[dict[str, str]]:
    """Blocks of fields, by the letter of the HTML Standard; comments dropped."""
    blocks = [block for block in text.split("\n\n") if block]
    found = [
        dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        for block in blocks
    ]
    return [block for block in found if block]


class Browser:
    """One client: collects what is sent, may be slow, may go away."""

    def __init__(
        self,
        hub: Hub,
        last: str = "",
        heartbeat: float = 60.0,
        stale: Callable[[], Stale | None] = lambda: None,
    ) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.text = ""
        self.ended = False
        self.taking = asyncio.Event()
        self.taking.set()
        self._gone = asyncio.Event()
        self._more = asyncio.Event()
        stream = Stream(hub, last, heartbeat, stale)
        scope = {"type": "http", "method": "GET"}
        self.task = asyncio.create_task(stream(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.taking.wait()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.text += message["body"].decode()
            self.ended = not message.get("more_body")
        self._more.set()

    def leave(self) -> None:
        self._gone.set()

    async def until(self, words: str) -> list[dict[str, str]]:
        while words not in self.text:
            self._more.clear()
            await self._more.wait()
        return parse(self.text)


def in_loop(test: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(go())


def test_a_change_is_an_event_with_number_name_and_data() -> None:
    sent: list[object] = []

    async def go() -> None:
        hub = Hub(nonce="n")
        browser = Browser(hub)
        await browser.until("n-0")
        hub.publish(prepare(ONE))
        hello, event = await browser.until("n-1")
        assert hello == {"retry": "3000", "id": "n-0"}
        assert (event["id"], event["event"]) == ("n-1", "group_appeared")
        assert json.loads(event["data"]) == change_json(ONE[0])
        sent.append(json.loads(event["data"]))
        assert (browser.status, browser.headers[b"content-type"]) == (200, b"text/event-stream")
        browser.leave()
        await browser.task

    in_loop(go)
    holds({"$ref": "#/components/schemas/Change"}, sent[0])  # asks for the document, in a loop too


def test_who_comes_back_gets_what_it_missed_and_nothing_twice() -> None:
    async def go() -> None:
        hub = Hub(nonce="n")
        for number in range(1, 6):
            hub.publish(tick(number))
        browser = Browser(hub, "n-3")
        assert [event["data"] for event in await browser.until("n-5")] == ["4", "5"]
        hub.publish(tick(6))
        assert [event["data"] for event in await browser.until("n-6")] == ["4", "5", "6"]
        browser.leave()
        await browser.task

    in_loop(go)


@pytest.mark.parametrize("last", ["n-0", "other-3", "n-99999", "nonsense", "n--1", "n-1e3"])
def test_whose_place_is_gone_is_told_to_read_anew(last: str) -> None:
    async def go() -> None:
        hub = Hub(nonce="n")
        for number in range(PAST + 1):
            hub.publish(tick(number))
        browser = Browser(hub, last)
        (event,) = await browser.until("reset")
        assert event["event"] == "reset"
        assert event["id"] == f"n-{PAST + 1}"
        assert "/v1/report" in json.loads(event["data"])["reason"]
        hub.publish(tick())
        assert (await browser.until("tick"))[-1]["id"] == f"n-{PAST + 2}"
        assert hub.resets == 1
        browser.leave()
        await browser.task

    in_loop(go)


def test_a_client_that_takes_nothing_holds_nobody_up_and_no_memory() -> None:
    async def go() -> None:
        hub = Hub(nonce="n")
        slow, quick = Browser(hub), Browser(hub)
        await asyncio.gather(slow.until("n-0"), quick.until("n-0"))
        slow.taking.clear()
        for number in range(1, 3 * PAST + 1):
            hub.publish(tick(number))
            if number % 50 == 0:
                await quick.until(f"id: n-{number}\n")
        await quick.until(f"id: n-{3 * PAST}\n")
        assert len(hub._ring) == PAST
        assert [event.get("data") for event in parse(quick.text)[1:]] == [
            str(number) for number in range(1, 3 * PAST + 1)
        ]
        slow.taking.set()
        await slow.until("reset")
        assert hub.resets == 1
        for one in (slow, quick):
            one.leave()
            await one.task

    in_loop(go)


def test_the_past_is_bounded_in_bytes_too() -> None:
    hub = Hub()
    for _ in range(PAST):
        hub.publish([Prepared("tick", b"x" * 10_000)])
    assert sum(map(len, hub._ring)) <= 1 << 20
    assert hub._bytes == sum(map(len, hub._ring))


def test_more_changes_than_the_past_holds_are_a_reset_for_everybody() -> None:
    async def go() -> None:
        hub = Hub(nonce="n")
        browser = Browser(hub)
        await browser.until("n-0")
        many = changes(state(), state({number: [f"d{number}"] for number in range(PAST + 10)}))
        hub.publish(prepare(many), len(many))
        assert (await browser.until("reset"))[-1]["id"] == f"n-{PAST + 10}"
        browser.leave()
        await browser.task

    in_loop(go)


def test_silence_is_broken_by_comments() -> None:
    async def go() -> None:
        browser = Browser(Hub(), heartbeat=0.001)
        await browser.until(":\n\n:\n\n")
        browser.leave()
        await browser.task

    in_loop(go)


def test_who_follows_is_told_when_the_answers_become_stale_and_fresh() -> None:
    since, read_at = "2026-01-01T00:00:05Z", "2026-01-01T00:00:00Z"
    mark: Stale | None = None

    async def go() -> None:
        nonlocal mark
        hub = Hub(nonce="n")
        fresh = Browser(hub, stale=lambda: mark)
        await fresh.until("id: n-0")
        mark = Stale("failed", "gone", since=since, read_at=read_at)
        (event,) = (await fresh.until("event: stale"))[1:]
        assert json.loads(event["data"]) == {
            "stale": {"since": since, "why": "gone"},
            "read_at": read_at,
        }
        assert "id" not in event
        late = Browser(hub, "n-0", stale=lambda: mark)
        await late.until("event: stale")
        mark = mark._replace(since="2026-01-01T00:00:06Z")
        hub.publish(tick())
        await fresh.until("event: tick")
        mark = None
        for browser in fresh, late:
            blocks = await browser.until('"stale":null')
            names = [block["event"] for block in blocks if "event" in block]
            assert names == ["stale", "tick", "stale"]
            browser.leave()
            await browser.task

    in_loop(go)


def test_one_client_too_many_is_told_when_to_come_back() -> None:
    async def go() -> None:
        hub = Hub(most=1)
        first = Browser(hub)
        await first.until("id")
        second = Browser(hub)
        await second.task
        assert (second.status, second.headers[b"retry-after"]) == (503, b"10")
        assert "no more clients" in second.text
        first.leave()
        await first.task
        assert hub.streams == 0
        third = Browser(hub)
        await third.until("id")
        third.leave()
        await third.task

    in_loop(go)


def test_the_end_of_the_daemon_is_the_end_of_every_stream() -> None:
    async def go() -> None:
        hub = Hub()
        idle, stuck = Browser(hub), Browser(hub)
        await asyncio.gather(idle.until("id"), stuck.until("id"))
        stuck.taking.clear()
        hub.publish(tick())
        await idle.until("tick")
        hub.close()
        await asyncio.gather(idle.task, stuck.task)
        assert idle.ended
        late = Browser(hub)
        await late.task
        assert late.status == 503

    in_loop(go)
