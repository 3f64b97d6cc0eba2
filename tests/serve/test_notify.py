"""What systemd hears, on a socket of the kind that it listens on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfioguard.serve.telling.systemd import Notifier

#: 30 ms, fed every 10.
WATCHDOG = "30000"


class Manager:
    """The end that systemd holds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(name.replace("@", "\0"))
        self._socket.settimeout(20)

    def heard(self) -> str:
        """The next datagram."""
        return self._socket.recv(4096).decode()

    def drain(self) -> list[str]:
        """Everything that was said until now."""
        self._socket.setblocking(False)
        found: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.heard())
        self._socket.settimeout(20)
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with contextlib.closing(Manager(str(tmp_path / "notify"))) as one:
        yield one


def feeding(notifier: Notifier) -> None:
    """Feed in a loop that turns for a while."""

    async def go() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await notifier.feed()

    asyncio.run(go())


def test_ready_is_said_once_and_the_status_whenever_it_changes(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    for status in ("2 allowed", "2 allowed", "1 refused"):
        notifier.ready(status)
    assert manager.drain() == ["READY=1", "STATUS=2 allowed", "STATUS=1 refused"]


def test_a_reload_says_when_it_began_and_that_it_ended(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    notifier.ready("2 allowed")
    notifier.reloading()
    notifier.ready("2 allowed")
    _, _, reloading, ready = manager.drain()
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert reloading.rpartition("=")[2].isdecimal()
    assert ready == "READY=1"


def test_a_host_that_cannot_be_read_ends_a_reload_and_not_the_start(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    notifier.failed("no")
    assert manager.drain() == ["STATUS=no"]
    notifier.ready("2 allowed")
    notifier.reloading()
    notifier.failed("no")
    assert manager.drain()[-2:] == ["READY=1", "STATUS=no"]


def test_the_end_is_told(manager: Manager) -> None:
    Notifier({"NOTIFY_SOCKET": manager.name}).stopping()
    assert manager.heard() == "STOPPING=1"


def test_a_name_with_an_at_sign_is_in_no_file_system() -> None:
    with contextlib.closing(Manager(f"@vfioguard-test-{os.getpid()}")) as manager:
        Notifier({"NOTIFY_SOCKET": manager.name}).ready("2 allowed")
        assert manager.heard() == "READY=1"


def test_a_status_cannot_say_anything_else(manager: Manager) -> None:
    Notifier({"NOTIFY_SOCKET": manager.name}).failed("failed\nWATCHDOG=1")
    assert manager.drain() == ["STATUS=failed WATCHDOG=1"]


def test_without_a_manager_nothing_is_told_and_nothing_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier = Notifier({})
    notifier.ready("2 allowed")
    notifier.stopping()
    feeding(notifier)
    assert not caplog.records


def test_what_was_not_heard_is_said_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = str(tmp_path / "notify")
    notifier = Notifier({"NOTIFY_SOCKET": name})
    with caplog.at_level(logging.WARNING, "vfioguard"):
        notifier.ready("2 allowed")
        notifier.ready("2 allowed")
        with contextlib.closing(Manager(name)) as manager:
            notifier.ready("2 allowed")
            assert manager.drain() == ["READY=1", "STATUS=2 allowed"]
    first, last = (record.getMessage() for record in caplog.records)
    assert first.startswith("systemd was not told READY: ")
    assert last == "systemd is told again"


def test_an_address_of_another_kind_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "vfioguard"):
        Notifier({"NOTIFY_SOCKET": "vsock:2:1234"}).ready("2 allowed")
    assert "NOTIFY_SOCKET=vsock:2:1234 is no address" in caplog.text


def test_the_watchdog_is_fed_while_the_loop_turns(manager: Manager) -> None:
    feeding(Notifier({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": WATCHDOG}))
    said = manager.drain()
    assert set(said) == {"WATCHDOG=1"}
    assert len(said) > 1


def test_the_watchdog_of_another_process_is_not_fed(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": WATCHDOG, "WATCHDOG_PID": "1"}
    feeding(Notifier(environment))
    assert manager.drain() == []
