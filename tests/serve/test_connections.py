"""How many connections there may be, and which of them go first."""

from __future__ import annotations

import asyncio

import pytest

from tests.serve.serving import Clock, latest_of, scan_of
from tests.support.hosts import x86_host
from vfioguard.serve.asgi import Message
from vfioguard.serve.connection.connections import (
    STALL,
    Connection,
    Connections,
    Limits,
    Phase,
    Pool,
)
from vfioguard.serve.http.routes import build
from vfioguard.serve.telling.change_teller import ChangeTeller


class Line(asyncio.Transport):
    """A transport that can only be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True

    def abort(self) -> None:
        self.open = False


class Clients:
    """Connections, and the lines of those that were admitted."""

    def __init__(self, tcp: int = 2, unix: int = 2, streams: int = 1) -> None:
        self.clock = Clock()
        self.all = Connections(Limits(tcp, unix, streams), self.clock)

    def late(self, phase: Phase = Phase.HEADERS) -> tuple[Connection, Line]:
        """One who comes when all others have been given their time."""
        self.clock.now += 0.1
        return self.come(phase=phase)

    def come(self, pool: Pool = Pool.TCP, phase: Phase = Phase.HEADERS) -> tuple[Connection, Line]:
        line, one = Line(), self.all.admit(pool)
        assert one is not None
        one.open(line, phase)
        return one, line


def test_a_newcomer_pushes_out_who_has_kept_us_waiting_longest() -> None:
    clients = Clients(tcp=2)
    (_, first), (_, second), (_, third) = clients.come(), clients.come(), clients.late()
    assert [first.open, second.open, third.open] == [False, True, True]
    assert clients.all.count(Pool.TCP) == 2
    assert clients.all.dropped == {(Pool.TCP, "pushed"): 1}


def test_who_is_being_answered_is_not_pushed_out() -> None:
    clients = Clients(tcp=2)
    answered, line = clients.come()
    answered.enter(Phase.ANSWER)
    _, waiting = clients.come()
    clients.late()
    assert line.open
    assert not waiting.open


def test_where_all_are_being_answered_the_newcomer_is_closed() -> None:
    clients = Clients(tcp=2)
    for _ in range(2):
        clients.come()[0].enter(Phase.ANSWER)
    assert clients.all.admit(Pool.TCP) is None
    assert clients.all.dropped == {(Pool.TCP, "full"): 1}


def test_who_waits_again_is_the_last_to_be_pushed_out() -> None:
    clients = Clients(tcp=2)
    (again, line), (_, other) = clients.come(), clients.come()
    again.enter(Phase.ANSWER)
    again.enter(Phase.IDLE)
    clients.late()
    assert line.open
    assert not other.open


def test_what_was_sent_at_once_is_read_before_anybody_is_pushed_out() -> None:
    clients = Clients(tcp=1)
    _, line = clients.come()
    assert clients.all.admit(Pool.TCP) is None
    assert line.open


def test_who_was_answered_and_waits_makes_room_at_once() -> None:
    clients = Clients(tcp=1)
    _, line = clients.come(phase=Phase.IDLE)
    clients.come()
    assert not line.open


def test_who_has_not_taken_an_answer_for_a_second_makes_room() -> None:
    clients = Clients(tcp=2)
    lines = []
    for seconds in (0.5, 0.6):
        one, line = clients.come(phase=Phase.ANSWER)
        one.pause()
        lines.append(line)
        clients.clock.now += seconds
    clients.come()
    assert [line.open for line in lines] == [False, True]
    assert clients.all.admit(Pool.TCP) is None


def test_who_waits_without_a_request_makes_room_before_who_is_answered_slowly() -> None:
    clients = Clients(tcp=2)
    slow, line = clients.come(phase=Phase.ANSWER)
    slow.pause()
    _, silent = clients.come()
    clients.clock.now += 2
    clients.come()
    assert line.open
    assert not silent.open


def test_who_takes_the_answer_again_is_not_pushed_out() -> None:
    clients = Clients(tcp=1)
    one, _ = clients.come(phase=Phase.ANSWER)
    one.pause()
    clients.clock.now += 2
    one.resume()
    assert clients.all.admit(Pool.TCP) is None


def test_a_few_are_closed_at_once_and_the_others_soon_after() -> None:
    clients = Clients(tcp=40)
    lines = [clients.come()[1] for _ in range(40)]
    clients.clock.now += 6
    left = []
    for _ in range(3):
        clients.all.sweep()
        left.append(sum(line.open for line in lines))
    assert left == [24, 8, 0]


def order_of_work(pool: Pool) -> list[str]:
    """What four connections and the loop's own clock do, as they come to it."""
    clients, done = Clients(4, 4), list[str]()

    async def work(one: Connection) -> None:
        await one.turn()
        done.append("work")

    async def go() -> None:
        tasks = [asyncio.create_task(work(clients.come(pool)[0])) for _ in range(4)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            done.append("turn")

    asyncio.run(go())
    return done


def test_over_tcp_one_goes_on_in_a_turn_of_the_loop() -> None:
    assert "work work" not in " ".join(order_of_work(Pool.TCP))


def test_over_unix_nobody_waits_for_another() -> None:
    assert " ".join(order_of_work(Pool.UNIX)).startswith("work work work work")


def test_tcp_takes_nothing_from_unix() -> None:
    clients = Clients(tcp=1, unix=1)
    _, local = clients.come(Pool.UNIX)
    for _ in range(10):
        clients.late()
    assert local.open
    assert clients.all.count(Pool.UNIX) == clients.all.count(Pool.TCP) == 1


@pytest.mark.parametrize(
    "phase", [Phase.HANDSHAKE, Phase.HEADERS, Phase.BODY, Phase.REST, Phase.ANSWER]
)
def test_a_phase_ends_at_its_deadline(phase: Phase) -> None:
    clients = Clients()
    one, line = clients.come()
    one.enter(phase)
    clients.clock.now += phase.seconds - 0.1
    clients.all.sweep()
    assert line.open
    clients.clock.now += 0.2
    clients.all.sweep()
    assert not line.open
    assert clients.all.count(Pool.TCP) == 0
    assert clients.all.dropped == {(Pool.TCP, "slow"): 1}


def test_who_does_not_read_is_cut_off_long_before_the_deadline_of_the_answer() -> None:
    clients = Clients()
    one, line = clients.come()
    one.enter(Phase.ANSWER)
    one.pause()
    clients.clock.now += STALL + 0.1
    assert Phase.ANSWER.seconds > STALL + 0.1
    clients.all.sweep()
    assert not line.open


def test_who_reads_on_may_go_on() -> None:
    clients = Clients()
    one, line = clients.come()
    one.enter(Phase.ANSWER)
    for _ in range(5):
        one.pause()
        clients.clock.now += STALL - 0.1
        clients.all.sweep()
        one.resume()
    assert line.open


def test_a_stream_has_no_deadline_and_leaves_its_place_to_others() -> None:
    clients = Clients(tcp=1)
    one, line = clients.come()
    one.enter(Phase.ANSWER)
    assert one.stream()
    one.enter(Phase.ANSWER)  # what the protocol sees meanwhile changes nothing
    clients.come()
    clients.clock.now += 86400.0
    clients.all.sweep()
    assert line.open
    assert clients.all.count(Pool.TCP_STREAM) == 1


def test_a_stream_that_does_not_read_is_cut_off() -> None:
    clients = Clients()
    one, line = clients.come()
    assert one.stream()
    one.pause()
    clients.clock.now += STALL + 0.1
    clients.all.sweep()
    assert not line.open


def test_streams_are_limited_over_tcp_and_over_unix() -> None:
    clients = Clients(streams=1)
    assert clients.come(Pool.TCP)[0].stream()
    assert not clients.come(Pool.TCP)[0].stream()
    assert clients.come(Pool.UNIX)[0].stream()
    assert not clients.come(Pool.UNIX)[0].stream()


def test_what_is_lost_counts_no_more() -> None:
    clients = Clients()
    one, _ = clients.come()
    one.lost()
    one.lost()
    one.enter(Phase.IDLE)
    one.pause()
    assert not one.stream()
    assert clients.all.count(Pool.TCP) == 0


def test_who_is_gone_is_told_of_no_more() -> None:
    clients, bodies = Clients(), list[bytes]()
    one, _ = clients.come(phase=Phase.ANSWER)
    app = build(latest_of(scan_of(x86_host(256))), ChangeTeller())
    scope: Message = {
        "type": "http",
        "method": "GET",
        "path": "/v1/report",
        "raw_path": b"/v1/report",
        "query_string": b"",
        "headers": [],
        "state": {"connection": one},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            bodies.append(message["body"])
            one.lost()

    asyncio.run(app(scope, receive, send))
    assert len(bodies) == 1
