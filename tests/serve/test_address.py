"""Where the daemon listens, and what it leaves behind."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from vfioguard.serve.connection.listeners import CannotListen, Listeners, describe


def test_several_addresses_are_listened_on_at_once(tmp_path: Path) -> None:
    addresses = ["127.0.0.1:0", "127.0.0.2:0", f"unix:{tmp_path}/s"]
    with Listeners(addresses) as listeners:
        first, second, third = map(describe, listeners.sockets)
        assert first.startswith("http://127.0.0.1:")
        assert second.startswith("http://127.0.0.2:")
        assert third == f"unix:{tmp_path}/s"
        for one in listeners.sockets:
            with socket.socket(one.family) as client:
                client.connect(one.getsockname())


def test_answers_over_tcp_are_not_held_back() -> None:
    # asyncio sets TCP_NODELAY only on sockets that say that they are TCP.
    with Listeners(["localhost:0"]) as listeners:
        assert {one.proto for one in listeners.sockets} == {socket.IPPROTO_TCP}


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "[2001:db8::1]:0", "255.255.255.255:1"],
)
def test_what_others_could_reach_is_refused(address: str) -> None:
    with pytest.raises(CannotListen, match="others could reach it; give"):
        Listeners([address])


def test_others_may_reach_us_where_that_is_wanted() -> None:
    with Listeners(["0.0.0.0:0", "[::]:0", ":0"], exposed=True) as listeners:
        assert len(listeners.sockets) >= 3


def test_an_abstract_unix_socket_is_described_as_people_write_it() -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("\0vfioguard-test")
        assert describe(one) == "unix:@vfioguard-test"


@pytest.mark.parametrize(
    "address",
    ["", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "::1:80",
     "[::1]", "http://127.0.0.1:80", "unix:", f"{'a' * 64}.invalid:80", f"{'ä' * 64}:80", "\0:1",
     "unix:/nonexistent/socket", "unix:/" + "a" * 200],
)  # fmt: skip
def test_what_is_no_address_is_said_in_one_line(address: str) -> None:
    with pytest.raises(CannotListen) as caught:
        Listeners([address])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(address or ":")


def test_a_port_in_use_is_said() -> None:
    with Listeners(["127.0.0.1:0"]) as listeners:
        port = listeners.sockets[0].getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: Address already in use"):
            Listeners([f"127.0.0.1:{port}"])


def test_the_socket_file_is_for_owner_and_group_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with Listeners([f"unix:{path}"]):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
    assert not path.exists()


def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with Listeners([f"unix:{path}"]), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_the_socket_of_a_living_daemon_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with Listeners([f"unix:{path}"]):
        inode = path.stat().st_ino
        with pytest.raises(CannotListen, match="somebody listens there already"):
            Listeners([f"unix:{path}"])
        assert path.stat().st_ino == inode


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(CannotListen, match="is not a socket"):
        Listeners([f"unix:{path}"])
    assert path.read_text() == "data"


def test_the_socket_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with Listeners([f"unix:{path}"]):
        os.rename(path, tmp_path / "moved")
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert path.exists()


def test_one_bad_address_leaves_nothing_of_the_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with pytest.raises(CannotListen):
        Listeners([f"unix:{path}", "0.0.0.0:0"])
    assert not path.exists()
