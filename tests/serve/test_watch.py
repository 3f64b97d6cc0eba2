"""Uevents of the running kernel, and what each may mean."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from tests.serve.uevents import change, device, run, until
from vfioguard.serve.senses.hint import EVERYTHING, LISTINGS, LOST, NOTHING, PARAMETERS, Hint
from vfioguard.serve.senses.uevents import BUFFER, Event, Monitor, Watcher, meaning

GPU = "0000:01:00.0"
HOME = f"/devices/pci0000:00/0000:00:01.0/{GPU}"
ONE = Hint(frozenset({GPU}))


@pytest.mark.parametrize(
    ("subsystem", "action", "path", "hint"),
    [
        ("pci", "add", HOME, ONE._replace(listings=True)),
        ("pci", "remove", HOME, ONE._replace(listings=True)),
        ("pci", "bind", HOME, ONE),
        ("pci", "unbind", HOME, ONE),
        ("pci", "change", HOME, ONE),
        ("iommu", "add", "/devices/virtual/iommu/dmar0", EVERYTHING),
        ("module", "add", "/module/vfio_iommu_type1", PARAMETERS),
        ("module", "remove", "/module/vfio", PARAMETERS),
        ("module", "add", "/module/iommufd", PARAMETERS),
        ("module", "add", "/module/e1000e", NOTHING),
        ("vfio", "add", "/devices/virtual/vfio/noiommu-0", LISTINGS),
        ("vfio-dev", "add", f"{HOME}/vfio-dev/vfio0", ONE),
        ("vfio-dev", "remove", f"{HOME}/0c5d-uuid/vfio-dev/vfio1", ONE),
        ("vfio-dev", "add", "/devices/platform/fd000000.dma/vfio-dev/vfio2", LISTINGS),
        ("platform", "add", "/devices/platform/fd000000.dma", LISTINGS),
        ("platform", "bind", "/devices/platform/fd000000.dma", LISTINGS),
        ("platform", "change", "/devices/platform/fd000000.dma", NOTHING),
        ("amba", "remove", "/devices/platform/9060000.pl050", LISTINGS),
        ("fsl-mc", "unbind", "/devices/platform/80c000000.fsl-mc/dprc.1/dpni.1", LISTINGS),
        ("cdx", "add", "/devices/platform/cdx/cdx-00:00", LISTINGS),
        ("mdev", "add", f"{HOME}/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", LISTINGS),
        ("ap", "add", "/devices/ap/card00/00.0001", LISTINGS),
        ("ccw", "add", "/devices/css0/0.0.0000/0.0.1234", LISTINGS),
        ("acpi", "add", "/devices/LNXSYSTM:00/PNP0103:00", LISTINGS),
        ("net", "add", f"{HOME}/net/eth0", NOTHING),
        ("block", "change", "/devices/virtual/block/loop0", NOTHING),
        ("", "", "", NOTHING),
    ],
)
def test_an_event_says_what_may_have_changed(
    subsystem: str, action: str, path: str, hint: Hint
) -> None:
    assert meaning(subsystem, action, path) == hint


@pytest.mark.needs_root
def test_an_event_of_a_device_is_heard_and_counted() -> None:
    async def what() -> None:
        told: list[Hint] = []
        watcher = Watcher(told.append)
        watcher.start()
        change()
        await until(lambda: bool(told))
        watcher.close()
        assert device() in told[0].devices
        assert watcher.events["pci"] >= 1

    run(what)


@pytest.mark.needs_root
def test_root_gets_the_buffer_that_is_asked_for() -> None:
    async def what() -> None:
        watcher = Watcher(lambda _hint: None)
        watcher.start()
        assert watcher.buffer is not None
        assert watcher.buffer >= BUFFER
        watcher.close()
        assert watcher.buffer is None

    run(what)


@pytest.mark.needs_root
def test_a_full_socket_is_an_overrun_and_the_watcher_lives() -> None:
    async def what() -> None:
        told: list[Hint] = []
        watcher = Watcher(told.append, buffer=1)
        watcher.start()
        change(5000)  # without the loop, which would drain
        await until(lambda: watcher.overruns >= 1)
        assert any(hint.lost and hint.everything for hint in told)
        heard = watcher.events["pci"]
        told.clear()
        change()
        await until(lambda: watcher.events["pci"] > heard)
        assert any(device() in hint.devices for hint in told)
        assert watcher.up
        watcher.close()

    run(what)


def test_numbers_that_are_skipped_are_counted() -> None:
    broken = Broken(*(numbered(number) for number in (7, 8, 12, 13)))

    async def what() -> None:
        watcher = Watcher(lambda _hint: None, connect=lambda _source: broken)
        watcher.start()
        broken.wake()
        await until(lambda: watcher.events["pci"] == 4)
        watcher.close()
        assert watcher.gaps == 1

    with closing(broken):
        run(what)


class Said:
    """An event."""

    subsystem: str | None = "pci"
    action: str | None = "change"
    device_path = HOME
    sequence_number = 0


def numbered(number: int) -> Said:
    said = Said()
    said.sequence_number = number
    return said


class Broken:
    """A monitor of a socket on which these are received: events, and errors."""

    def __init__(self, *received: Event | OSError) -> None:
        self._received = list(received)
        self._near, self._far = socket.socketpair()

    def wake(self) -> None:
        self._far.send(b"!")

    def close(self) -> None:
        self._near.close()
        self._far.close()

    def start(self) -> None:
        pass

    def fileno(self) -> int:
        return self._near.fileno()

    def set_receive_buffer_size(self, size: int) -> None:
        raise PermissionError(errno.EPERM, "no CAP_NET_ADMIN")

    def _receive_device(self) -> Event | None:
        if not self._received:
            self._near.recv(1)
            return None
        one = self._received.pop(0)
        if isinstance(one, OSError):
            raise one
        return one


def test_a_socket_that_fails_is_made_anew_and_what_it_did_not_say_is_read() -> None:
    broken, whole = Broken(OSError(errno.EBADF, "Bad file descriptor")), Broken()

    async def what() -> None:
        told: list[Hint] = []
        sources: list[Monitor] = [broken, whole]
        watcher = Watcher(told.append, again=0.02, connect=lambda _source: sources.pop(0))
        watcher.start()
        broken.wake()
        await until(lambda: not watcher.up)
        assert told == [LOST]
        await until(lambda: watcher.up)
        assert told == [LOST, LOST]
        watcher.close()

    with closing(broken), closing(whole):
        run(what)


@pytest.mark.parametrize(
    "why", [ImportError("no library named udev"), OSError(errno.EMFILE, "Too many open files")]
)
def test_what_cannot_listen_tries_again(why: Exception) -> None:
    whole = Broken()

    async def what() -> None:
        told: list[Hint] = []
        answers: list[Exception | Monitor] = [why, why, whole]

        def connect(_source: str) -> Monitor:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        watcher = Watcher(told.append, again=0.02, connect=connect)
        watcher.start()
        assert not watcher.up
        await until(lambda: watcher.up)
        assert told == [LOST]
        watcher.close()

    with closing(whole):
        run(what)


def test_a_buffer_that_may_not_be_forced_is_as_large_as_permitted() -> None:
    whole = Broken()

    async def what() -> None:
        watcher = Watcher(lambda _hint: None, buffer=65536, connect=lambda _source: whole)
        watcher.start()
        assert watcher.buffer is not None
        assert watcher.buffer >= 65536
        watcher.close()

    with closing(whole):
        run(what)


_LISTENS = """
import asyncio
from vfioguard.serve.senses.senses import Senses

async def what():
    senses = Senses(lambda _hint: None, "kernel", running=False)
    senses.start()
    blind = senses.blind()
    print(blind.why if blind is not None else None)

asyncio.run(what())
"""


_NONE = (
    "no uevents are received: the kernel sends none into this user namespace; "
    "--uevents off does without them"
)


@pytest.mark.parametrize(
    ("namespaces", "said"),
    [
        pytest.param(["--net"], "None", marks=pytest.mark.needs_root),
        (["--user", "--map-root-user"], "None"),
        (["--user", "--map-root-user", "--net"], _NONE),
    ],
    ids=["a network of its own", "the host's network", "rootless"],
)
def test_where_the_kernel_sends_nothing_the_socket_does_not_count_as_heard(
    namespaces: list[str], said: str
) -> None:
    command = ["unshare", *namespaces, sys.executable, "-c", _LISTENS]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == f"{said}\n", result.stderr


def test_what_keeps_failing_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[str] = []

    def connect(source: str) -> Monitor:
        tried.append(source)
        raise OSError(errno.EPERM, "no")

    async def what() -> None:
        watcher = Watcher(lambda _hint: None, again=0.001, connect=connect)
        watcher.start()
        await until(lambda: len(tried) > 5)
        assert not watcher.up

    run(what)
    assert [record.message for record in caplog.records].count(caplog.records[0].message) == 1
    assert len(caplog.records) == 1
