"""How many connections there may be, and which of them go first."""

from __future__ import annotations

import asyncio

import pytest

from tests.serve.serving import Clock
from vfioguard.serve.connections import STALL, Connection, Connections, Limits, Phase, Pool


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

    def come(self, pool: Pool = Pool.TCP, phase: Phase = Phase.HEADERS) -> tuple[Connection, Line]:
        line, one = Line(), self.all.admit(pool)
        assert one is not None
        one.open(line, phase)
        return one, line


def test_a_newcomer_pushes_out_who_has_kept_us_waiting_longest() -> None:
    clients = Clients(tcp=2)
    (_, first), (_, second), (_, third) = clients.come(), clients.come(), clients.come()
    assert [first.open, second.open, third.open] == [False, True, True]
    assert clients.all.count(Pool.TCP) == 2
    assert clients.all.dropped == {(Pool.TCP, "pushed"): 1}


def test_who_is_being_answered_is_not_pushed_out() -> None:
    clients = Clients(tcp=2)
    answered, line = clients.come()
    answered.enter(Phase.ANSWER)
    _, waiting = clients.come()
    clients.come()
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
    clients.come()
    assert line.open
    assert not other.open


def test_tcp_takes_nothing_from_unix() -> None:
    clients = Clients(tcp=1, unix=1)
    _, local = clients.come(Pool.UNIX)
    for _ in range(10):
        clients.come(Pool.TCP)
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
    one.resume()
    assert not one.stream()
    assert clients.all.count(Pool.TCP) == 0
