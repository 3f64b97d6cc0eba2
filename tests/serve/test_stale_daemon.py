"""Every face of a running daemon is stale within a second of /-/ready, whatever the reason is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.serve.test_daemon import daemon, wait_until_ready
from tests.serve.uevents import change
from tests.support.hanging import hanging
from tests.support.hosts import x86_host
from tests.support.trees import write

JSON = (
    "/v1/report",
    "/v1/report?policy=iommu_capable",
    "/v1/groups",
    "/v1/groups/0",
    "/v1/devices/0000:01:00.0",
)
TEXT = ("/v1/report", "/v1/groups")
#: Each is given up after the other, so that the doubt lasts for seconds.
HANGING = (
    "/sys/class/iommu",
    "/proc/interrupts",
    "/proc/cmdline",
    "/sys/kernel/iommu_groups/0/type",
    "/sys/kernel/iommu_groups/1/type",
)


class Faces:
    """Asks a daemon at `url` for all its faces, each by a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, accept: str = "*/*") -> tuple[int, str, str]:
        """Status, the mark in the header or "", and the body."""
        command = ["curl", "-sS", "-i", "--max-time", "5", "-H", f"Accept: {accept}"]
        done = subprocess.run(
            [*command, self._url + path], capture_output=True, text=True, check=True
        )
        head, _, body = done.stdout.replace("\r", "").partition("\n\n")
        mark = re.search(r"^vfioguard-stale: (.*)$", head, re.MULTILINE)
        return int(head.split()[1]), mark[1] if mark else "", body

    def ready(self) -> bool:
        return self.ask("/-/ready")[0] == 200

    def marks(self) -> dict[str, bool]:
        """Face -> whether it says that it is stale."""
        found: dict[str, bool] = {}
        for path in JSON:
            status, mark, body = self.ask(path)
            assert status == 200
            told = json.loads(body)
            assert (told["stale"] is None) == (told["read_at"] is None) == (not mark), path
            assert "groups" not in told or told["groups"], "the last answer is kept"
            found[path] = told["stale"] is not None
        for path in TEXT:
            found[f"{path} as text"] = self.ask(path, "text/plain")[2].startswith("# stale since ")
        found["page"] = '<p role="alert" class="banner">' in self.ask("/")[2]
        status, _, body = self.ask("/v1/check/group:0")
        found["gate"] = status == 503 and json.loads(body)["stale"] is not None
        metrics = self.ask("/metrics")[2]
        found["vfioguard_ready"] = "\nvfioguard_ready 0.0\n" in metrics
        found["reason"] = (
            re.search(r"^vfioguard_unready\{.*\} 1\.0$", metrics, re.MULTILINE) is not None
        )
        assert 'outcome="allowed"} 2.0' in metrics, "the metrics are kept"
        return found

    def all_are(self, stale: bool, within: float = 1.0) -> None:
        """All faces say so within that many seconds of /-/ready, which may change its mind."""
        end = time.monotonic() + 30
        since = None
        while True:
            before, marks, after = self.ready(), self.marks(), self.ready()
            now = time.monotonic()
            assert now < end, "it did not come about"
            if before is stale or after is stale:
                since = None
            elif set(marks.values()) == {stale}:
                return
            else:
                since = since or now
                assert now - since < within, marks


def test_the_directory_of_the_host_is_moved_away(tmp_path: Path) -> None:
    host = Path(write(str(tmp_path / "host"), x86_host(2)))
    with daemon(host, "--uevents", "off", "--poll-interval", "1") as running:
        wait_until_ready(running)
        faces = Faces(running.url)
        faces.all_are(stale=False)
        host.rename(tmp_path / "elsewhere")
        faces.all_are(stale=True)
        time.sleep(3)  # several polls fail alike
        assert 'reason=failed, why="the host could not be read: ' in faces.ask("/")[1]
        (tmp_path / "elsewhere").rename(host)
        faces.all_are(stale=False)
        assert running.stop() == 0
    failures = [line for line in running.log if "could not be read" in line]
    said = f" could not be read: {host}: No such file or directory\n"
    # Whoever asks what a device is makes the daemon read as well.
    assert {f"vfioguard: the host{said}"} <= set(failures)
    assert set(failures) <= {f"vfioguard: the host{said}", f"vfioguard: what devices are{said}"}
    assert len(failures) == len(set(failures)), "each is said once"
    assert sum("the host is read again" in line for line in running.log) == 1
    assert ".py" not in "".join(running.log)


@pytest.mark.needs_root
def test_a_read_hangs(tmp_path: Path) -> None:
    source = write(str(tmp_path / "source"), x86_host(2))
    (root := tmp_path / "host").mkdir()
    with hanging(source, str(root)) as served:
        options = ("--uevents", "off", "--poll-interval", "3600", "--interval", "3600")
        with daemon(root, *options, STATE_DIRECTORY=str(tmp_path / "state")) as running:
            wait_until_ready(running)
            faces = Faces(running.url)
            for path in HANGING:
                served.hang(path)
            running.process.send_signal(signal.SIGHUP)
            faces.all_are(stale=True)
            for path in HANGING:
                served.release(path)
            faces.all_are(stale=False)


@pytest.mark.needs_root
def test_uevents_are_lost(tmp_path: Path) -> None:
    source = write(str(tmp_path / "source"), x86_host(2))
    (root := tmp_path / "host").mkdir()
    with hanging(source, str(root)) as served:
        options = ("--poll-interval", "3600", "--interval", "3600")
        with daemon(root, *options, STATE_DIRECTORY=str(tmp_path / "state")) as running:
            wait_until_ready(running)
            faces = Faces(running.url)
            faces.all_are(stale=False)
            running.process.send_signal(signal.SIGSTOP)
            overrun(running.process.pid)
            for path in HANGING:
                served.hang(path)
            running.process.send_signal(signal.SIGCONT)
            faces.all_are(stale=True)
            for path in HANGING:
                served.release(path)
            faces.all_are(stale=False)
            assert re.search(r"uevent_overruns_total [1-9]", faces.ask("/metrics")[2])


def overrun(process: int) -> None:
    """Have the kernel send events until it has dropped some for a process that takes none."""
    while not dropped(process):
        change(10_000)


def dropped(process: int) -> int:
    """How many messages the kernel dropped at the netlink sockets of a process (netlink(7))."""
    opened = Path(f"/proc/{process}/fd")
    inodes = {
        found[1]
        for descriptor in opened.iterdir()
        if (found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)))
    }
    rows = [line.split() for line in Path("/proc/net/netlink").read_text().splitlines()[1:]]
    return sum(int(row[8]) for row in rows if row[9] in inodes)
