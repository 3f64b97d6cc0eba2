"""`vfioguard watch` on a host that changes while it is watched."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_cli import ALLOWED, vfioguard
from tests.support.commands import SERVE
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.cli import main
from vfioguard.cli.failure import Failure
from vfioguard.cli.following import Daemon, Event, Lost, Now
from vfioguard.cli.top import Top
from vfioguard.cli.verbs import watch

SWITCH = "vfio_iommu_type1.allow_unsafe_interrupts"
UNSAFE = f"{SWITCH} is set: no attach is refused for its interrupts"
GONE = "No such file or directory"
OVERRIDE = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


@contextlib.contextmanager
def watch_of(*arguments: str, output: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "vfioguard", "watch", *arguments]
    # Whatever the tester's terminal can do.
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": ""}
    with subprocess.Popen(command, stdout=output, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def watching(
    root: Path, output: int = subprocess.PIPE
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    return watch_of("--root", str(root), "--interval", "1", output=output)


def test_it_tells_what_is_then_what_changes_and_ends_with_0(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    with watching(root) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert re.fullmatch(r"\S{20} 2 refused of 2 IOMMU groups; kernel 6.12.0-amd64; .*\n", first)
        (root / OVERRIDE).write_text("Y\n")
        told = [process.stdout.readline() for _ in range(3)]
        assert [re.sub(r"^\S{20} ", "", line) for line in told] == [
            f"worse:  {SWITCH} is on; it was off\n",
            f"worse:  finding unsafe_override: {UNSAFE}\n",
            f"better: 2 groups (0-1): refused -> allowed-by-override ({SWITCH})\n",
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""


def test_a_host_that_goes_away_is_a_line_and_no_end(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    with watching(root) as process:
        assert process.stdout is not None
        process.stdout.readline()
        root.rename(tmp_path / "gone")
        assert "the host could not be read: " in process.stdout.readline()
        (tmp_path / "gone").rename(root)
        (root / OVERRIDE).write_text("Y\n")
        assert "allow_unsafe_interrupts is on" in process.stdout.readline()


def test_a_terminal_shows_that_it_lives(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(1)))
    parent, child = pty.openpty()
    with watching(root, child) as process:
        os.close(child)
        seen = b""
        while b"read at " not in seen:
            seen += os.read(parent, 4096)
        assert b"1 allowed of 1 IOMMU groups" in seen
        assert b"\x1b7\x1b[1;1H" not in seen  # this terminal has no lines, so none stays on top
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    os.close(parent)


def test_nothing_to_watch_is_one_line_and_exit_3() -> None:
    result = vfioguard("watch", "--root", "/no/such/host")
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_capture_cannot_be_watched_as_it_does_not_change() -> None:
    result = vfioguard("watch", "--root", ALLOWED)
    assert (result.returncode, result.stdout) == (3, "")
    assert "a capture does not change" in result.stderr
    assert result.stderr.count("\n") == 1


def served(root: Path, place: Path) -> subprocess.Popen[bytes]:
    command = [*SERVE, "--root", str(root), "--poll-interval", "1"]
    return subprocess.Popen([*command, "--web.listen-address", f"unix:{place}"])


def ready(place: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(Lost):
            Daemon(f"unix:{place}").now()
            return
        time.sleep(0.1)
    raise AssertionError("the daemon is not ready")


def test_it_follows_a_daemon_over_its_socket_and_over_its_restart(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    place = tmp_path / "s"
    daemon = served(root, place)
    try:
        ready(place)
        with watch_of("--url", f"unix:{place}") as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert re.fullmatch(r"\S{20} 2 refused of 2 IOMMU groups; kernel 6.12.0-\S+\n", first)
            time.sleep(1)
            (root / OVERRIDE).write_text("Y\n")
            told = {re.sub(r"^\S{20} ", "", process.stdout.readline()) for _ in range(4)}
            assert f"worse:  {SWITCH} is on; it was off\n" in told
            assert any("refused -> allowed-by-override" in line for line in told)
            root.rename(tmp_path / "away")
            stale = re.sub(r"^\S{20} ", "", process.stdout.readline())
            assert stale.startswith("the daemon's answers are stale since ")
            assert stale.endswith(f": the host could not be read: {root}: {GONE}\n")
            (tmp_path / "away").rename(root)
            assert process.stdout.readline().endswith(" answers can be relied on again\n")
            daemon.terminate()
            daemon.wait(20)
            assert "the daemon does not answer: " in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
    finally:
        daemon.kill()
        daemon.wait(20)


@pytest.mark.parametrize(
    "url", ["unix:/no/such/socket", "http://127.0.0.1:1", "ftp://x", "x", "http://[", "http://h:x"]
)
def test_a_daemon_that_is_not_there_is_one_line_and_exit_3(url: str) -> None:
    result = vfioguard("watch", "--url", url)
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1


def answering(reply: bytes, asked: list[bytes] | None = None, host: str = "127.0.0.1") -> Daemon:
    """A daemon whose server sends this to the first that asks, and keeps what that was."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with server, server.accept()[0] as client, contextlib.suppress(OSError):
            heard = client.recv(1 << 16)
            if asked is not None:
                asked.append(heard)
            client.sendall(reply)

    threading.Thread(target=answer, daemon=True).start()
    return Daemon(f"http://{host}:{server.getsockname()[1]}")


OK = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "Remote end closed connection"),
        (b"SSH-2.0-x\x1b[31m\r\n", r"not HTTP: SSH-2.0-x\x1b[31m"),
        (OK, "not that of vfioguard"),
        (OK + b"[" * 100_000, "not that of vfioguard"),
        (OK + b'{"groups": [], "stale": 5}', "not that of vfioguard"),
        (OK + b"\xff\xfe", "not that of vfioguard"),
        (b"HTTP/1.1 500 \x1b[2J\r\n\r\n" + b"[" * 100_000, r"500: \x1b[2J"),
        (b'HTTP/1.1 401 No\r\n\r\n{"detail": "\\u001b]0;x"}', r"401: \x1b]0;x"),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n", "302: Found"),
    ],
)  # fmt: skip
def test_garbage_is_one_line_without_escapes(reply: bytes, said: str) -> None:
    with pytest.raises(Lost) as lost:
        answering(reply).now()
    assert said in str(lost.value)
    assert str(lost.value).isprintable()


def test_values_of_other_kinds_are_told_as_text() -> None:
    reply = b'{"groups": [], "stale": null, "host": {"kernel": 5}, "generated_at": [7]}'
    assert answering(OK + reply).now() == Now(at="[7]", summary="no IOMMU group", kernel="5")


@pytest.mark.parametrize("data", [b"[" * 100_000, b"[]", b"5", b'{"at": ""}'])
def test_an_event_of_another_kind_is_no_traceback(data: bytes) -> None:
    with pytest.raises(Lost, match="not that of vfioguard"):
        list(answering(OK + b"event: driver\ndata: " + data + b"\n\n").events())


def test_a_name_that_no_host_has_is_told() -> None:
    with pytest.raises(Lost, match="cannot be the name of a host"):
        Daemon(f"http://{'a' * 70}.example").now()


def test_the_password_is_from_netrc_and_never_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    result = vfioguard("watch", "--url", "https://alice:secret@localhost")
    assert (result.returncode, result.stderr.count("\n")) == (3, 1)
    assert "secret" not in result.stderr
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret\ndefault login x password y\n")
    netrc.chmod(0o600)
    asked: list[bytes] = []
    with pytest.raises(Lost):
        answering(b"", asked).now()
    assert b"\r\nauthorization: Basic YWxpY2U6c2VjcmV0\r\n" in asked[0]
    with pytest.raises(Lost):
        answering(b"", asked, "localhost").now()
    assert b"authorization" not in asked[1]
    netrc.write_text("machine")
    with pytest.raises(Failure, match="netrc"):
        Daemon("http://localhost:1")


class Burst:
    """A daemon with many changes at once."""

    asked = 0

    def __init__(self, _url: str) -> None:
        Burst.asked = 0

    def now(self) -> Now:
        Burst.asked += 1
        return Now(at="then", summary="1 allowed of 1 IOMMU groups", kernel="6.12")

    def events(self) -> Iterator[Event]:
        for left in range(999, -1, -1):
            yield Event(kind="driver", at="then", summary="a driver", more=left > 0)
        raise KeyboardInterrupt


@pytest.mark.parametrize(("kept", "most"), [(False, 1), (True, 20)])
def test_many_changes_are_few_questions(
    kept: bool, most: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch, "Daemon", Burst)
    monkeypatch.setattr(Top, "kept", kept)
    assert main(["watch", "--url", "unix:/x"]) == 0
    assert capsys.readouterr().out.count("a driver") == 1000
    assert 1 <= Burst.asked <= most
    assert Burst.asked > 2 or not kept


def test_a_daemon_has_its_own_root(tmp_path: Path) -> None:
    result = vfioguard("watch", "--url", "unix:/x", "--root", str(tmp_path))
    assert result.returncode == 3
    assert "--url asks a daemon" in result.stderr
