"""Sockets that systemd passes, by the protocol of sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from vfioguard.serve.connection.activation import passed
from vfioguard.serve.connection.listeners import CannotListen, Listeners

PID = 4711


def environ(number: int, names: str = "") -> dict[str, str]:
    found = {"LISTEN_PID": str(PID), "LISTEN_FDS": str(number), "OTHER": "x"}
    return {**found, "LISTEN_FDNAMES": names} if names else found


def listening(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.bind(str(path))
    one.listen()
    return one


def test_tcp_and_unix_sockets_are_taken_in_order_and_children_are_told_nothing(
    tmp_path: Path,
) -> None:
    with listening(tmp_path / "s") as unix, socket.create_server(("127.0.0.1", 0)) as tcp:
        first = max(unix.fileno(), tcp.fileno()) + 20
        os.dup2(unix.fileno(), first)
        os.dup2(tcp.fileno(), first + 1)
        variables = environ(2, "local:net")
        one, other = passed(variables, PID, first)
        with one, other:
            assert variables == {"OTHER": "x"}
            assert one.getsockname() == str(tmp_path / "s")
            assert other.getsockname() == tcp.getsockname()
            # asyncio turns Nagle's algorithm off where it sees this.
            assert other.proto == socket.IPPROTO_TCP
            assert not os.get_inheritable(first)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(PID), "LISTEN_FDS": "0"},
        {"LISTEN_PID": str(PID), "LISTEN_FDS": "x"},
        {"LISTEN_PID": str(PID)},
    ],
)
def test_what_was_passed_to_nobody_or_to_another_process_is_not_taken(
    variables: dict[str, str],
) -> None:
    with pytest.raises(CannotListen, match="systemd has passed no socket"):
        passed(variables, PID)


def test_what_is_no_listening_stream_is_refused_by_its_name(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(CannotListen, match="'net' of systemd is neither TCP nor"),
    ):
        passed(environ(1, "net"), PID, os.dup(datagrams.fileno()))
    with (
        socket.socket() as idle,
        pytest.raises(CannotListen, match="'unnamed' of systemd does not listen"),
    ):
        passed(environ(1), PID, os.dup(idle.fileno()))
    number = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(CannotListen, match="is no socket"):
        passed(environ(1), PID, number)
    os.close(number)
    with pytest.raises(CannotListen, match="Bad file descriptor"):
        passed(environ(1), PID, 9999)


def test_the_file_of_a_socket_that_was_passed_is_left_to_who_made_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Listeners([], passed=[listening(path)]):
        pass
    assert path.exists()


def test_a_tcp_socket_that_others_could_reach_is_refused_although_it_was_passed() -> None:
    one = socket.create_server(("0.0.0.0", 0))
    with pytest.raises(CannotListen, match="others could reach it"):
        Listeners([], passed=[one])
    again = socket.create_server(("0.0.0.0", 0))
    with Listeners([], passed=[again], exposed=True) as listeners:
        assert listeners.sockets == [again]
