"""Runs as root in a booted Debian: the shipped unit, while reads of its host never return.

Its times are scaled down. The host is /host, whose reads hang as /control says (hangs.py). What is
claimed: no old answer, no silence, no restart, at most one process left in D for a path.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from machine import TEST, UNIT, after, differing, failures, must, prop, run, shown, until

OVERRIDE = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
DEVICE = "/sys/bus/pci/devices/0000:02:00.0"
KINDS = (
    f"{DEVICE}/uevent", f"{DEVICE}/msi_irqs", "/sys/kernel/irq/26/chip_name",
    "/sys/kernel/iommu_groups/1/type", "/sys/class/iommu", OVERRIDE, "/proc/interrupts",
    "/sys/bus/pci/devices",
)  # fmt: skip
SCALED = "[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\nTimeoutStopSec=1\nTimeoutStartSec=20\n"
SETTINGS = 'root = "/host"\nuevents = "off"\ninterval = 3600\npoll-interval = 1\n'
#: Seconds: until an old answer must be gone, and until all must be right after the release.
STALE, RIGHT = 1.5, 2.0


def control(*words: str) -> str:
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect("/control/socket")
        asked.sendall(f"{' '.join(words)}\n".encode())
        return asked.makefile().read()


def left(path: str) -> int:
    return int(control("waiting", path))


class Local(http.client.HTTPConnection):
    """Over the UNIX socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect("/run/vfioguard.sock")


def get(path: str) -> tuple[int, str]:
    connection = Local("localhost")
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def hangs() -> bool:
    return "vfioguard_read_hangs{" in get("/metrics")[1]


class Asker:
    """Asks all the time: (when it was answered, how long that took, what, status)."""

    def __init__(self) -> None:
        self.answers: list[tuple[float, float, str, int]] = []
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(path,))
            for path in ("/v1/check/group:2", "/-/healthy", "/metrics")
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, path: str) -> None:
        while not self._done.wait(0.05):
            began = time.monotonic()
            status, _ = get(path)
            now = time.monotonic()
            self.answers.append((now, now - began, path, status))

    def gate(self, since: float) -> list[tuple[float, int]]:
        return [
            (at - since, s) for at, _, path, s in self.answers if "check" in path and at > since
        ]

    def slowest(self, since: float) -> float:
        return max(took for at, took, _, _ in self.answers if at > since)

    def unwell(self, since: float) -> list[int]:
        return [
            s for at, _, path, s in self.answers if "check" not in path and at > since and s != 200
        ]

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def announce(value: str) -> None:
    """The override is set so, and the daemon is told that something changed."""
    control("write", OVERRIDE, value)
    os.kill(int(prop("MainPID")), signal.SIGHUP)


def hang(path: str, asker: Asker) -> None:
    pid = prop("MainPID")
    control("hang", path)
    announce("N")
    began = time.monotonic()
    time.sleep(3.2)
    old = [at for at, status in asker.gate(began) if status == 200]
    detail = f"the last after {max(old, default=0):.2f} s"
    shown(f"{path} hangs: no old answer after {STALE} s", max(old, default=0) < STALE, detail)
    shown(
        "it answers, and is well", not asker.unwell(began), f"{asker.slowest(began):.2f} s at most"
    )
    shown("one process waits", left(path) == 1, left(path))
    control("release", path)
    began = time.monotonic()
    right = until(lambda: not hangs() and get("/v1/check/group:2")[0] == 409, 10)
    shown("all is right after the release", right is not None and right < RIGHT, after(right))
    announce("Y")
    right = until(lambda: get("/v1/check/group:2")[0] == 200, 10)
    shown("it follows again", right is not None and right < RIGHT, after(right))
    shown("it was not restarted", prop("MainPID") == pid and prop("NRestarts") == "0")


def watched(asker: Asker) -> None:
    """Longer than the watchdog waits, three times."""
    path = f"{DEVICE}/msi_irqs"
    pid, began = prop("MainPID"), time.monotonic()
    control("hang", path)
    time.sleep(10)
    shown("the watchdog leaves it alone", prop("MainPID") == pid and prop("NRestarts") == "0")
    said = [status for at, status in asker.gate(began) if at > 3]
    shown("other devices pass the gate", set(said) == {200}, sorted(set(said)))
    shown("the page answers", not asker.unwell(began), f"{asker.slowest(began):.2f} s at most")
    found = run("vfioguard", "check", "--root", "/host", "group:2")
    shown("the command answers", found.returncode == 1, found.stdout.strip() or found.stderr)


def restarted() -> None:
    """While it still hangs: by hand, as nothing restarts it of itself."""
    path = f"{DEVICE}/msi_irqs"
    began = time.monotonic()
    for number in (1, 2, 3):
        must("systemctl", "restart", UNIT)
        ready = until(lambda: get("/v1/check/group:2")[0] == 200, 20)
        took = time.monotonic() - began
        shown(f"restart {number}: it is ready", ready is not None, f"{took:.1f} s")
        began = time.monotonic()
    # The daemon's that was stopped, and that of root's command: they belong to two users.
    shown("no process more in D", left(path) <= 2, left(path))
    control("release", path)
    right = until(lambda: not hangs(), 10)
    shown("all is right after the release", right is not None and right < RIGHT, after(right))


def started() -> None:
    """It hangs before the daemon is there: in the self-test first."""
    path = "/proc/interrupts"
    must("systemctl", "stop", UNIT)
    control("hang", path)
    began = time.monotonic()
    must("systemctl", "start", UNIT)
    took = time.monotonic() - began
    shown("it starts although a read hangs", prop("ActiveState") == "active", f"{took:.1f} s")
    shown("one process is left in D", left(path) == 1, left(path))
    shown("the gate answers", get("/v1/check/group:2")[0] == 200)
    control("release", path)
    right = until(lambda: not hangs(), 10)
    shown("all is right after the release", right is not None and right < RIGHT, after(right))


def textfile() -> None:
    """Each minute one run: none may leave another process."""
    unit, path = "vfioguard-report.service", f"{DEVICE}/uevent"
    file = Path("/var/lib/prometheus/node-exporter/vfioguard.prom")
    file.parent.mkdir(parents=True)
    command = f"/usr/bin/vfioguard report --root /host --output prometheus --output-file {file}"
    with differing(unit, f"[Service]\nExecStart=\nExecStart={command}\n"):
        control("hang", path)
        for number in (1, 2, 3):
            file.unlink(missing_ok=True)
            began = time.monotonic()
            run("systemctl", "start", unit)
            until(lambda: prop("ActiveState", unit) in {"failed", "inactive"}, 30)
            took = time.monotonic() - began
            shown(f"textfile {number}: it is written", file.exists(), f"{took:.1f} s")
        shown("one process is left in D", left(path) == 1, left(path))
        control("release", path)
        must("systemctl", "start", unit)
        shown("it is well after the release", prop("Result", unit) == "success")
        print(run("journalctl", "-u", unit, "-b", "--no-pager", "-o", "short-monotonic").stdout)


def main() -> int:
    must("dpkg", "-i", str(TEST / "vfioguard.deb"))
    Path("/etc/vfioguard.toml").write_text(SETTINGS)
    with differing(UNIT, SCALED):
        must("systemctl", "restart", UNIT)
        until(lambda: get("/v1/check/group:2")[0] == 200, 20)
        asker = Asker()
        for path in KINDS:
            hang(path, asker)
        watched(asker)
        asker.end()
        restarted()
        started()
        textfile()
        print(run("journalctl", "-u", UNIT, "-b", "--no-pager", "-o", "short-monotonic").stdout)
    print(f"{len(failures)} failures" + "".join(f"\n  {one}" for one in failures), flush=True)
    return min(len(failures), 100)


if __name__ == "__main__":
    status = main()
    (TEST / "out/status").write_text(f"{status}\n")
    sys.exit(status)
