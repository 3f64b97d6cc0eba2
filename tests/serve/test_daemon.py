"""The daemon as a process, asked with curl as a provisioning script asks it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import SERVE
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.serve.host.reader import HostReader

REPOSITORY = Path(__file__).parent.parent.parent
HOSTS = REPOSITORY / "tests" / "fixtures" / "sysfs"
REFUSED = HOSTS / "6.12-amd64--vtd-noir" / "as-booted.tar.xz"
BY_OVERRIDE = HOSTS / "6.1-amd64--vtd-noir-unsafe" / "as-booted.tar.xz"
ALLOWED = HOSTS / "6.12-amd64--vtd-ir" / "as-booted.tar.xz"


class Daemon:
    """A running `vfioguard serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        self.url = ""

    def wait_for(self, pattern: str) -> str:
        """Read the log up to a line that matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(pattern, line):
                return found.group(found.re.groups and 1)
        raise AssertionError(f"no {pattern!r} in {self.log}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.log += self.process.stderr.readlines()
        return self.process.wait(20)


@contextlib.contextmanager
def daemon(
    root: Path, *options: str, listen: str = "127.0.0.1:0", **environment: str
) -> Iterator[Daemon]:
    command = [*SERVE, "--root", str(root)]
    command += ["--web.listen-address", listen, *options]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        running = Daemon(process)
        try:
            running.url = running.wait_for(r"listening on (\S+)")
            yield running
        finally:
            if process.poll() is None:
                process.kill()


def curl(*arguments: str) -> tuple[int, str]:
    """Exit status and what it printed."""
    program = shutil.which("curl")
    assert program is not None, "curl is missing: apt-get install curl"
    command = [program, "-sS", "-f", "--max-time", "20", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


def wait_until_ready(running: Daemon) -> None:
    """It listens before its first reading has ended, and says 503 until then."""
    status, _ = curl("--retry", "20", "--retry-delay", "1", f"{running.url}/-/ready")
    assert status == 0, running.log


def test_the_gate_is_the_exit_status_of_curl() -> None:
    with daemon(REFUSED) as running:
        wait_until_ready(running)
        gate = f"{running.url}/v1/check"
        assert curl(f"{gate}/0000:01:00.0")[0] == 22
        assert curl(f"{gate}/group:0")[0] == 22
        assert curl(f"{gate}/0000:77:00.0")[0] == 22
        assert curl("-I", f"{gate}/group:0")[0] == 22
        status, metrics = curl("--compressed", f"{running.url}/metrics")
        assert status == 0
        assert 'vfioguard_groups{backend="type1",outcome="refused"} 17.0\n' in metrics
        assert running.stop() == 0
    assert all(line.startswith("vfioguard: ") for line in running.log)


def test_the_gate_opens_for_what_is_allowed() -> None:
    with daemon(ALLOWED) as running:
        wait_until_ready(running)
        assert curl(f"{running.url}/v1/check/group:1")[0] == 0
        assert curl("-I", f"{running.url}/v1/check/group:1")[0] == 0


def test_a_pass_by_the_override_is_a_warning_unless_asked_strictly() -> None:
    with daemon(BY_OVERRIDE) as running:
        wait_until_ready(running)
        status, body = curl(f"{running.url}/v1/check/group:1")
        assert status == 0
        assert '"level":"Warning"' in body
        assert curl(f"{running.url}/v1/check/group:1?strict=1")[0] == 22


def test_a_unix_socket_serves_any_host_name_and_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with daemon(ALLOWED, listen=f"unix:{path}") as running:
        assert running.url == f"unix:{path}"
        running.wait_for("17 allowed of 17 IOMMU groups")
        status, body = curl("--unix-socket", str(path), "http://any.example/v1/groups/1")
        assert status == 0
        assert '"outcome":"allowed"' in body
        assert running.stop(signal.SIGINT) == 0
    assert not path.exists()


def test_another_host_name_is_answered_where_an_option_says_so() -> None:
    with daemon(ALLOWED, "--web.allowed-host", "gpu.example") as running:
        wait_until_ready(running)
        health = f"{running.url}/-/healthy"
        assert curl("-H", "Host: gpu.example", health)[0] == 0
        assert curl("-H", "Host: other.example", health)[0] == 22


def connected(address: str | tuple[str, int]) -> socket.socket:
    """A client that asks for nothing."""
    one = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    one.settimeout(20)
    one.connect(address)
    return one


def test_the_options_say_how_many_clients_there_may_be_on_each_kind_of_socket(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "socket")
    limits = ("--web.max-connections", "1", "--web.max-unix-connections", "2")
    with daemon(ALLOWED, "--web.listen-address", f"unix:{path}", *limits) as running:
        tcp = ("127.0.0.1", int(running.url.rpartition(":")[2]))
        for address, places in ((tcp, 1), (path, 2)):
            clients = []
            for _ in range(places + 1):
                clients.append(connected(address))
                time.sleep(0.2)  # who came first has waited longest
            first, *others = clients
            assert first.recv(1) == b""
            for one in others:
                one.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert one.recv(12) == b"HTTP/1.1 200"
            for one in clients:
                one.close()


def test_several_addresses_serve_the_same_tag(tmp_path: Path) -> None:
    other = f"unix:{tmp_path}/socket"
    with daemon(ALLOWED, "--web.listen-address", other) as running:
        wait_until_ready(running)
        _, one = curl("-I", f"{running.url}/v1/report")
        _, two = curl("-I", "--unix-socket", f"{tmp_path}/socket", "http://localhost/v1/report")
        assert re.findall("etag: .*", one) == re.findall("etag: .*", two) != []


def test_stopping_does_not_wait_for_idle_clients() -> None:
    with daemon(ALLOWED) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as idle:
            idle.sendall(b"GET /-/healthy HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert idle.recv(12) == b"HTTP/1.1 200"
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 10


def test_a_changed_host_is_seen(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2, remapping=False)))
    with daemon(root, "--interval", "0.1") as running:
        running.wait_for("2 refused of 2 IOMMU groups")
        wait_until_ready(running)
        _, before = curl("-I", f"{running.url}/v1/report")
        parameter = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
        (root / parameter).write_text("Y\n")
        running.wait_for("2 allowed-by-override of 2 IOMMU groups")
        assert curl(f"{running.url}/v1/check/group:0")[0] == 0
        _, after = curl("-I", f"{running.url}/v1/report")
        assert re.findall("etag: .*", before) != re.findall("etag: .*", after)


def test_a_host_that_goes_away_closes_the_gate_and_ends_nothing(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "host", x86_host(2)))
    with daemon(root, "--interval", "0.1") as running:
        running.wait_for("2 allowed of 2 IOMMU groups")
        root.rename(tmp_path / "gone")
        running.wait_for("could not be read: .*gone|could not be read: .*No such file|CannotOpen")
        assert curl(f"{running.url}/v1/check/group:0")[0] == 22
        assert curl(f"{running.url}/-/ready")[0] == 22
        assert curl(f"{running.url}/-/healthy")[0] == 0
        (tmp_path / "gone").rename(root)
        running.wait_for("2 allowed of 2 IOMMU groups")
        wait_until_ready(running)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--web.listen-address", "0.0.0.0:0"], "0.0.0.0:0: others could reach it"),
        (["--web.listen-address", "nonsense"], '"nonsense" is not HOST:PORT'),
        (["--root", "/nonexistent"], "/nonexistent: No such file or directory"),
        (["--interval", "0"], "is not between"),
        (["--web.systemd-socket"], "systemd has passed no socket"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_3(options: list[str], line: str) -> None:
    command = [*SERVE, *options]
    result = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 3
    assert line in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_one_line_and_exit_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [*SERVE, "--web.listen-address", address]
        result = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
        )
    assert result.returncode == 3
    assert result.stderr == f"vfioguard: {address}: Address already in use\n"


def test_a_directory_is_opened_anew_for_every_reading(tmp_path: Path) -> None:
    host = x86_host(1)
    root = write(tmp_path / "host", host)
    scan = HostReader(root, NOTHING_CHOSEN).read
    assert len(scan().report.groups) == 1
    shutil.rmtree(root)
    os.mkdir(root)
    write(root, x86_host(3))
    assert len(scan().report.groups) == 3
