"""What vfioguard costs a host: `python bench/costs.py [--sizes 24 232 4096]` (root).

Seconds and megabytes over synthetic hosts (hosts.py), each as the running host: CPU time (user and
system) and peak memory of `check` and `report`; CPU time of the daemon until it is ready and for
one uevent, and its memory. Each figure is the least of several runs: other work on the machine adds
to a run and never takes from it. The exit status tells whether it ran, never how fast.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import follow
import hosts
from namespace import in_namespace, namespaces_work

_TARGET = "0000:01:00.1"  # the first virtual function of every tree
_EVENTS = 200
_KIB = 1024 / 1e6
#: Runs a command and prints its wait status, CPU seconds and peak memory in KiB. The kernel gives a
#: child the peak of its parent to begin with, so this one is smaller than whatever it measures.
_METER = """
import os, sys
null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=null)
_, status, usage = os.wait4(pid, 0)
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


class Cost(NamedTuple):
    """CPU seconds and peak memory in MB of a command."""

    cpu: float
    peak: float


def command(tree: Path, *arguments: str) -> Cost:
    """The cost of one command with the tree as its running host."""
    meter = [sys.executable, "-ISc", _METER, sys.executable, "-m", "vfioguard", *arguments]
    done = subprocess.run(in_namespace(str(tree), meter), stdout=subprocess.PIPE, check=True)
    status, cpu, peak = map(float, done.stdout.split())
    if status:
        raise SystemExit(f"wait status {status:.0f}: {' '.join(arguments)}")
    return Cost(cpu, peak * _KIB)


def command_rows(tree: Path, runs: int) -> Iterator[tuple[str, str]]:
    """What the commands cost."""
    for name, *arguments in (("check", "check", _TARGET), ("report", "report")):
        cost = Cost(*map(min, zip(*(command(tree, *arguments) for _ in range(runs)), strict=True)))
        yield f"`vfioguard {name}`, CPU s", f"{cost.cpu:.2f}"
        yield f"`vfioguard {name}`, peak MB", f"{cost.peak:.0f}"


class Life(NamedTuple):
    """One daemon: CPU seconds until it was ready, its memory then in MB, and two costs of an event.

    `event_cpu` is CPU in ms, `event_wall` the time in ms from the write that makes the event to the
    first answer that has the change; each is the median of one daemon's events.
    """

    start: float
    rss: float
    event_cpu: float
    event_wall: float


def life(tree: Path) -> Life:
    """Start a daemon, have the kernel send events, and stop it."""
    with follow.serving(tree) as daemon:
        start, rss = daemon.cpu(), daemon.rss()
        device = follow.target(tree)
        device.drive("first")
        time.sleep(1)
        before = daemon.cpu()
        for number in range(_EVENTS):
            device.drive(f"drv{number % 7}")
            time.sleep(0.02)
        time.sleep(1)
        cpu = (daemon.cpu() - before) / _EVENTS
        walls = sorted(follow.device_latency(daemon, device))
        return Life(start, rss, 1000 * cpu, walls[len(walls) // 2])


def daemon_rows(tree: Path, runs: int) -> Iterator[tuple[str, str]]:
    """The daemon."""
    best = Life(*map(min, zip(*(life(tree) for _ in range(runs)), strict=True)))
    yield "start of the daemon until it is ready, CPU s", f"{best.start:.2f}"
    yield "one uevent, CPU ms", f"{best.event_cpu:.1f}"
    yield "one uevent until the answer has it, ms", f"{best.event_wall:.1f}"
    yield "memory of the daemon (RSS), MB", f"{best.rss:.0f}"


def main() -> None:
    """Make trees, measure, print Markdown."""
    parser = argparse.ArgumentParser(description="Measure what vfioguard costs a host.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 232, 4096], metavar="GROUPS")
    parser.add_argument("--runs", type=int, default=9, help="runs of a command (default 9)")
    parser.add_argument("--daemons", type=int, default=3, help="daemons started (default 3)")
    options = parser.parse_args()
    table: dict[str, list[str]] = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as directory:
            tree = Path(directory, "host")
            follow.say(f"a host of {size} groups")
            hosts.make(tree, size)
            if not namespaces_work(str(tree)):
                raise SystemExit("bench: a mount namespace is needed: run it as root")
            for rows in (command_rows(tree, options.runs), daemon_rows(tree, options.daemons)):
                for what, figure in rows:
                    table.setdefault(what, []).append(figure)
    sizes = [f"{size:,} groups" for size in options.sizes]
    print(f"| | {' | '.join(sizes)} |\n|---|{'---|' * len(sizes)}")
    for what, figures in table.items():
        print(f"| {what} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
