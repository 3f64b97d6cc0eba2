"""Runs in the guest: changes the host step by step, and asks the daemon what it has seen of it.

With a FILE it takes the steps of the file, one a row (changes.py). With `--look NAME` it takes
none, and looks at what others have changed. After each step the daemon's answer is compared with
what a new process reads of the whole host. A row of JSON tells how that went.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from lab.guest.walk.changes import LIMIT, Late, act, read, wait
from lab.guest.walk.comparing import differences

SOCKET = "/run/vfioguard.sock"
TOLD = "/run/out/walk.jsonl"
#: Seconds in which the daemon should tell of a change, however busy the machine is.
TOLD_IN = 30.0
FULL = ["python", "/vfioguard.pyz", "report", "--output", "json"]


class Connection(http.client.HTTPConnection):
    """HTTP over the daemon's UNIX socket."""

    def __init__(self) -> None:
        super().__init__("localhost", timeout=LIMIT)

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def get(path: str, tag: str = "") -> tuple[int, str, bytes]:
    """Ask the daemon: the status, the tag and the body of its answer."""
    connection = Connection()
    try:
        connection.request("GET", path, headers={"If-None-Match": tag} if tag else {})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("ETag", ""), answer.read()
    finally:
        connection.close()


class Answers(threading.Thread):
    """What the daemon tells, asked for all the time: the last report, and since when it is told."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.last: tuple[float, bytes] = (0.0, b"")

    def run(self) -> None:
        """Ask for ever."""
        tag = ""
        while True:
            try:
                status, now, body = get("/v1/report", tag)
            except OSError:
                status = 0  # the daemon has ended: the wait for its answer reports that
            if status == 200:
                tag, self.last = now, (time.monotonic(), body)
            time.sleep(0.1)


def ready() -> bool:
    """Whether the daemon's answers may be relied on. Raises Late if it has ended."""
    try:
        return get("/-/ready")[0] == 200
    except OSError:
        state = read(f"/proc/{os.environ['SERVED']}/stat").rpartition(")")[2].split()
        if not state or state[0] == "Z":
            raise Late("the daemon has ended") from None
        return False


def readings() -> dict[str, float]:
    """How many readings the daemon has made, by kind, and how many groups they had wrong."""
    kept = {}
    for row in get("/metrics")[2].decode().splitlines():
        name, _, value = row.rpartition(" ")
        if name.startswith(("vfioguard_snapshots_total{", "vfioguard_reconcile_mismatches_total")):
            kept[name.partition('"')[2].rstrip('"}') or "mismatches"] = float(value)
    return kept


def full_reading() -> tuple[float, Any]:
    """The report of a process that knows nothing of before, and the seconds it took."""
    began = time.monotonic()
    done = subprocess.run(FULL, capture_output=True, check=False)
    try:
        return time.monotonic() - began, json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Late(f"no full reading: {said[-1] if said else done.returncode}") from None


def compared(answers: Answers, changed: float) -> dict[str, Any]:
    """Wait until the daemon tells what a full reading finds; how that ended."""
    while True:
        took, full = full_reading()
        at, body = answers.last
        lines = differences(json.loads(body), full)
        if not lines or time.monotonic() > changed + TOLD_IN:
            told = None if lines else max(0.0, round(at - changed, 2))
            return {"told": told, "full": round(took, 2), "differences": lines[:5]}


def step(answers: Answers, name: str, does: Callable[[], None]) -> bool:
    """Take one step and tell how it went. Returns whether the walk can go on."""
    before, tag, began = readings(), answers.last[0], time.monotonic()
    row: dict[str, Any] = {"step": name}
    try:
        does()
        row["took"] = round(time.monotonic() - began, 2)
        row.update(compared(answers, time.monotonic()))
        after = readings()
        row["readings"] = {
            kind: round(count - before[kind]) for kind, count in after.items()
            if count != before[kind]
        }  # fmt: skip
        row["new"] = answers.last[0] != tag
    except Late as late:
        row["failed"] = str(late)
    except (OSError, subprocess.CalledProcessError) as error:
        row["failed"] = f"{type(error).__name__}: {error}"
    with open(TOLD, "a") as file:
        file.write(json.dumps(row) + "\n")
    wrong = [row["failed"]] if "failed" in row else row["differences"]
    for said in [f"{name}: {row.get('told')} s", *wrong]:
        print(f"LAB {read('/proc/uptime').split()[0]} {said}", flush=True)
    return "failed" not in row


def main() -> None:
    """Take the steps that the arguments name."""
    wait("the daemon is ready", ready)
    answers = Answers()
    answers.start()
    wait("the daemon gives a report", lambda: answers.last[1] != b"")
    if sys.argv[1] == "--look":
        step(answers, sys.argv[2], lambda: None)
        return
    if not step(answers, "start", lambda: None):
        return
    with open(sys.argv[1]) as file:
        for row in file.read().splitlines():
            if not step(answers, row, partial(act, row)):
                return


if __name__ == "__main__":
    try:
        main()
    except Late as late:
        with open(TOLD, "a") as file:
            file.write(json.dumps({"step": "start", "failed": str(late)}) + "\n")
