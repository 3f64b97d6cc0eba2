"""What following a host costs: `python bench/follow.py [--sizes 64 4096 16384]` (root).

Latency: a file of one device in a synthetic tree is changed, and the kernel is made to send a real
uevent of a device of that name, as the tree has the name of a PCI device of this machine. Taken is
the time from the write that makes the event to the end of the first answer that has the change.
Idle: CPU time while nothing happens, at the default intervals. Memory: VmRSS. The exit status tells
whether it ran, never how fast.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import hosts
from namespace import in_namespace, namespaces_work

_DEVICES = "/sys/bus/pci/devices"
_PATIENCE = 180.0
#: Seconds that a thousand full readings may take: one of 16,384 groups takes two.
_RESCANS = 2 * 3600.0
_CHANGES = 200
_IDLE = 20.0
#: Seconds between two questions: without a pause they alone would take the daemon's whole CPU.
_POLL = 0.001
#: Goals in MB.
_RSS = {64: "60", 4096: "75", 16384: "110"}
#: What makes rows of a tree of so many groups: what was measured, the figure, the goal.
Rows: TypeAlias = "Callable[[Path, int], Iterator[tuple[str, str, str]]]"


class Daemon:
    """`vfioguard serve` with one tree as its running host, and a kept-alive connection to it."""

    def __init__(self, tree: Path, *options: str) -> None:
        command = [sys.executable, "-m", "vfioguard", "serve", *options]
        command += ["--config.file", "/dev/null", "--web.listen-address", "127.0.0.1:0"]
        command = in_namespace(str(tree), command)
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        log = iter(self.process.stderr.readline, "")
        address = next(line.split("http://")[1].strip() for line in log if "http://" in line)
        self.address = address
        self.connection = http.client.HTTPConnection(address, timeout=60)
        until(lambda: self.status("/-/ready") == 200)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def status(self, path: str) -> int:
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def ask(self, path: str, **headers: str) -> bytes:
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status)
        return body

    def readings(self) -> int:
        text = self.ask("/metrics").decode()
        found = re.findall(r"^vfioguard_snapshots_total\{.*\} (\d+)", text, re.MULTILINE)
        return sum(map(int, found))

    def rss(self) -> float:
        """In MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, status
        return int(found[1]) * 1024 / 1e6

    def cpu(self) -> float:
        """Seconds so far, in nanoseconds' resolution; all threads."""
        return (
            sum(
                int(Path(f"/proc/{self.process.pid}/task/{task}/schedstat").read_text().split()[0])
                for task in os.listdir(f"/proc/{self.process.pid}/task")
            )
            / 1e9
        )


@contextlib.contextmanager
def serving(tree: Path, *options: str) -> Iterator[Daemon]:
    daemon = Daemon(tree, *options)
    try:
        yield daemon
    finally:
        daemon.close()


def until(true: Callable[[], bool], pause: float = 0.05, patience: float = _PATIENCE) -> None:
    """Wait for it."""
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            raise SystemExit(f"it did not come about within {patience:.0f} s")
        time.sleep(pause)


class Target(NamedTuple):
    """A device of the tree that has the name of a real one."""

    name: str
    file: Path
    event: str

    def drive(self, driver: str) -> float:
        """Bind it, in the tree, and have the kernel say something; when that was."""
        text = self.file.read_text()
        self.file.write_text(re.sub(r"^DRIVER=.*\n", f"DRIVER={driver}\n", text))
        fd = os.open(self.event, os.O_WRONLY)
        try:
            began = time.perf_counter()
            os.write(fd, b"change")
        finally:
            os.close(fd)
        return began


def target(tree: Path) -> Target:
    """The first device that both have: a root port of the tree."""
    real = sorted(os.listdir(_DEVICES))
    base = tree / "sys/bus/pci/devices"
    name = next((one for one in real if (base / one).exists()), None)
    if name is None:
        raise SystemExit(f"no device of {_DEVICES} is in the tree: {real}")
    return Target(name, base / name / "uevent", f"{_DEVICES}/{name}/uevent")


def device_latency(daemon: Daemon, one: Target) -> Iterator[float]:
    """Milliseconds until /v1/devices/NAME has it."""
    for number in range(_CHANGES):
        driver = f"drv{number % 7}"
        began = one.drive(driver)
        wanted = f'"driver":"{driver}"'.encode()
        while wanted not in daemon.ask(f"/v1/devices/{one.name}"):
            time.sleep(_POLL)
        yield 1000 * (time.perf_counter() - began)
        time.sleep(0.02)


def event_latency(daemon: Daemon, one: Target) -> Iterator[float]:
    """Milliseconds until /v1/events has told it."""
    connection = http.client.HTTPConnection(daemon.address, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/events")
        stream = connection.getresponse()
        for number in range(_CHANGES):
            driver = f"evt{number % 7}"
            began = one.drive(driver)
            wanted = f'"{driver}"'.encode()
            while wanted not in stream.readline():
                pass
            yield 1000 * (time.perf_counter() - began)
            time.sleep(0.02)


def report_latency(daemon: Daemon, one: Target) -> Iterator[float]:
    """Milliseconds until the whole report, compressed, has it; it was asked for before."""
    asked(daemon)
    for number in range(_CHANGES // 4):
        driver = f"rep{number % 7}"
        wanted = f'"driver":"{driver}"'.encode()
        began = one.drive(driver)
        while True:
            body = daemon.ask("/v1/report", **{"Accept-Encoding": "gzip"})
            took = 1000 * (time.perf_counter() - began)
            if wanted in gzip.decompress(body):
                break
            time.sleep(_POLL)
        yield took
        time.sleep(0.1)


def spread(values: list[float]) -> str:
    """p50 / p99."""
    return f"{statistics.median(values):.1f} / {statistics.quantiles(values, n=100)[98]:.1f}"


def idle(daemon: Daemon) -> float:
    """CPU ms a second."""
    time.sleep(3)
    before = daemon.cpu()
    time.sleep(_IDLE)
    return 1000 * (daemon.cpu() - before) / _IDLE


def asked(daemon: Daemon) -> float:
    """MB once everything large was asked for, as a browser and Prometheus do."""
    for path in ("/v1/report", "/metrics"):
        daemon.ask(path, **{"Accept-Encoding": "gzip"})
    time.sleep(1)
    return daemon.rss()


def rescanned(daemon: Daemon, times: int) -> tuple[float, float]:
    """MB after 30 full readings, and after so many more."""
    asked(daemon)
    found = []
    for due in (30, 30 + times):
        until(lambda due=due: daemon.readings() >= due, pause=1.0, patience=_RESCANS)
        found.append(daemon.rss())
    return found[0], found[1]


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def latency_rows(tree: Path, _groups: int) -> Iterator[tuple[str, str, str]]:
    with serving(tree) as daemon:
        one = target(tree)
        say(f"{_CHANGES} changes of {one.name}")
        figure = spread(list(device_latency(daemon, one)))
        yield "uevent to /v1/devices/BDF, p50 / p99, ms", figure, "5 / 25"
        figure = spread(list(event_latency(daemon, one)))
        yield "uevent to the event on /v1/events, p50 / p99, ms", figure, ""
        figure = spread(list(report_latency(daemon, one)))
        yield "uevent to the whole /v1/report, gzip, p50 / p99, ms", figure, ""


def cost_rows(tree: Path, groups: int) -> Iterator[tuple[str, str, str]]:
    with serving(tree) as daemon:
        say("idle")
        figure = f"{idle(daemon):.1f}"
        yield "idle, CPU ms a second", figure, "5"
        yield "RSS after the start, MB", f"{daemon.rss():.0f}", _RSS.get(groups, "")
        yield "RSS after /v1/report and /metrics, MB", f"{asked(daemon):.0f}", ""


def rescan_rows(tree: Path, _groups: int, times: int) -> Iterator[tuple[str, str, str]]:
    with serving(tree, "--interval", "0.1") as daemon:
        say(f"{times} full readings")
        few, many = rescanned(daemon, times)
        growth = 100 * (many - few) / few
        yield f"RSS after 30 full readings, and {times} more, MB", f"{few:.1f}, {many:.1f}", ""
        yield "growth, %", f"{growth:.1f}", "2"


def main() -> None:
    """Make trees, measure, print Markdown."""
    parser = argparse.ArgumentParser(description="Measure the daemon that follows a host.")
    parser.add_argument("--sizes", type=int, nargs="*", default=[64, 4096, 16384])
    parser.add_argument("--latency", type=int, nargs="*", default=[4096], metavar="GROUPS")
    parser.add_argument("--rescans", type=int, default=1000)
    parser.add_argument("--rescan-sizes", type=int, nargs="*", default=[64, 4096, 16384])
    options = parser.parse_args()
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} CPUs, load {load}\n")
    print("| measured | groups | figure | goal |\n| --- | --- | --- | --- |", flush=True)
    plans: list[tuple[Rows, list[int]]] = [
        (latency_rows, options.latency),
        (cost_rows, options.sizes),
        (partial(rescan_rows, times=options.rescans), options.rescan_sizes),
    ]
    for size in sorted({size for _, sizes in plans for size in sizes}):
        with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as directory:
            say(f"making a host of {size} groups")
            hosts.make(Path(directory, "host"), size)
            if not namespaces_work(f"{directory}/host"):
                raise SystemExit("bench: a mount namespace is needed: run it as root")
            for rows in [rows for rows, sizes in plans if size in sizes]:
                for what, figure, goal in rows(Path(directory, "host"), size):
                    bound = f"<= {goal}" if goal else ""
                    print(f"| {what} | {size} | {figure} | {bound} |", flush=True)


if __name__ == "__main__":
    main()
