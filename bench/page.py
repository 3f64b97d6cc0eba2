"""What the page costs in a real browser: `python bench/page.py [--sizes 4096 16384]` (root).

First paint: Chromium loads the page with an empty cache. A live change: a device of the synthetic
host gets another driver, and the kernel sends a real uevent of it, as bench/follow.py does. Taken
is the time from the write that makes the event until Chromium has drawn a frame that tells of it.
It needs Chromium, Node, and `npm --prefix tests/page ci`. The exit status never tells how fast it
was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hosts
from follow import Daemon, Target, say, serving, target
from namespace import namespaces_work

_BROWSER = Path(__file__).with_name("page.mjs")
_LOADS, _CHANGES = 20, 100
#: Seconds from one change to the next.
_PAUSE = 0.3
#: Goals: milliseconds to the first paint and to a change on screen, bytes and nodes of the page.
_PAINT, _LIVE, _BYTES, _NODES = 500, 250, 150_000, 3000
Row = tuple[str, str, str]


class Browser:
    """Chromium at the page of a daemon."""

    def __init__(self, address: str) -> None:
        command = ["node", str(_BROWSER), f"http://{address}/", str(_LOADS)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> dict[str, Any]:
        """The next thing that the browser tells."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        if not text:
            raise SystemExit("bench: the browser has ended")
        told: dict[str, Any] = json.loads(text)
        return told

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def live(browser: Browser, device: Target) -> Iterator[float]:
    """Milliseconds until each change of the device is on screen."""
    for number in range(_CHANGES):
        driver = f"paint{number:03}"
        began = device.drive(driver) - time.perf_counter() + time.time()
        drawn = browser.line()
        while driver not in drawn["text"]:
            drawn = browser.line()
        yield drawn["at"] - 1000 * began
        time.sleep(_PAUSE)


def spread(values: list[float]) -> str:
    """p50 / p95."""
    return f"{statistics.median(values):.0f} / {statistics.quantiles(values, n=20)[18]:.0f}"


def page_rows(daemon: Daemon, tree: Path, large: bool) -> Iterator[Row]:
    """The rows of the table; a `large` host has no goals."""
    before = daemon.rss()
    began = time.perf_counter()
    daemon.ask("/")
    yield "the first page, made at once, ms", f"{1000 * (time.perf_counter() - began):.0f}", ""
    browser = Browser(daemon.address)
    try:
        told = browser.line()
        loads = told["loads"]
        goal = "" if large else f"{_PAINT}"
        yield "first paint, p50 / p95, ms", spread([load["paint"] for load in loads]), goal
        yield "bytes of the page", f"{loads[-1]['bytes']:,}", "" if large else f"{_BYTES:,}"
        yield "bytes, gzip", f"{loads[-1]['gzip']:,}", ""
        yield "nodes", f"{loads[-1]['nodes']:,}", "" if large else f"{_NODES:,}"
        yield "the next 40 rows on screen, p50 / p95, ms", spread(told["rows"]), ""
        assert browser.line() == {"follows": True}
        changes = list(live(browser, target(tree)))
        yield "a change on screen, p50 / p95, ms", spread(changes), "" if large else f"{_LIVE}"
    finally:
        browser.close()
    yield (
        "RSS of the daemon before, and after all this, MB",
        f"{before:.0f}, {daemon.rss():.0f}",
        "",
    )


def main() -> None:
    """Make trees, measure, print Markdown."""
    parser = argparse.ArgumentParser(description="Measure the page in Chromium.")
    parser.add_argument("--sizes", type=int, nargs="*", default=[4096, 16384])
    options = parser.parse_args()
    load = " ".join(f"{average:.2f}" for average in os.getloadavg())
    print(f"{os.cpu_count()} CPUs, load {load}\n")
    print("| measured | groups | figure | goal |\n| --- | --- | --- | --- |", flush=True)
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as directory:
            tree = Path(directory, "host")
            say(f"making a host of {size} groups")
            hosts.make(tree, size)
            if not namespaces_work(str(tree)):
                sys.exit("bench: a mount namespace is needed: run it as root")
            with serving(tree) as daemon:
                for what, figure, goal in page_rows(daemon, tree, size > 4096):
                    bound = f"<= {goal}" if goal else ""
                    print(f"| {what} | {size} | {figure} | {bound} |", flush=True)


if __name__ == "__main__":
    main()
