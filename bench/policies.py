"""Ask for the whole host under every policy at once, and say what memory that took: root.

`python bench/policies.py [--groups 16384] [--clients 24] [--seconds 60] [--flip 1.5]`. Each client
asks for `/v1/report?policy=NAME` again and again, each name as JSON and as text, compressed or not.
Meanwhile the gate is asked ten times a second over a UNIX socket. The exit status says whether the
daemon's memory kept the bound (VmHWM, so that no moment is missed), and whether every answer was
what was asked for, or 503 with Retry-After.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hosts
from flood import asking
from follow import Daemon, say, serving

from vfioguard.judging.policies import policy_names

#: MB of the daemon with 16,384 groups, whatever is asked.
_BOUND = 185.0
_FORMS = ("application/json", "text/plain")
_CODINGS = ("gzip", "identity")
_OVERRIDE = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


class Question(NamedTuple):
    """What one request asks for."""

    policy: str
    form: str
    coding: str

    def request(self) -> bytes:
        """As it is sent."""
        lines = (
            f"GET /v1/report?policy={self.policy} HTTP/1.1",
            "Host: localhost",
            f"Accept: {self.form}",
            f"Accept-Encoding: {self.coding}",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    def is_answered_by(self, head: bytes, first: bytes) -> bool:
        """Whether the answer is in that form, and by that policy; `first` begins its text."""
        wanted = f'"pinned_policy":"{self.policy}"' if self.form == _FORMS[0] else self.policy
        return f"content-type: {self.form}".encode() in head and wanted.encode() in first


class Answer(NamedTuple):
    """Its head, and how its text begins."""

    head: bytes
    first: bytes


async def client(port: int, until: float, seed: int, counts: Counter[str]) -> None:
    """One who asks until then, on a new connection where the last one was cut off."""
    chance = random.Random(seed)
    questions = [
        Question(policy, form, coding)
        for policy in policy_names()
        for form in _FORMS
        for coding in _CODINGS
    ]
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while time.monotonic() < until:
                question = chance.choice(questions)
                began = time.monotonic()
                writer.write(question.request())
                answer = await answered(reader)
                took = round(1000 * (time.monotonic() - began))
                counts["longest ms"] = max(counts["longest ms"], took)
                counts[judged(question, answer)] += 1
                if b" 503 " in answer.head:
                    await asyncio.sleep(1)
        except (asyncio.IncompleteReadError, ConnectionError):
            counts["cut off"] += 1  # docs/http.md: an answer may take 60 s
        finally:
            writer.close()


def judged(question: Question, answer: Answer) -> str:
    """What is to be counted of it."""
    status = answer.head.split(b" ", 2)[1].decode()
    if status == "503" and b"retry-after:" in answer.head:
        return "come again"
    if status == "200" and question.is_answered_by(*answer):
        return "answered"
    say(f"wrong: {question}: {answer.head!r} {answer.first[:200]!r}")
    return "wrong"


async def answered(reader: asyncio.StreamReader) -> Answer:
    """One answer, of which the beginning is kept."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    assert found is not None, head
    left = int(found[1])
    first = b""
    unpack = zlib.decompressobj(31) if b"content-encoding: gzip" in head else None
    while left:
        part = await reader.read(min(left, 65536))
        if not part:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(part)
        if len(first) < 4096:
            first += unpack.decompress(part) if unpack else part
    return Answer(head, first)


async def flipping(file: Path, every: float) -> None:
    """Set the override, and take it back."""
    while True:
        for value in ("Y\n", "N\n"):
            await asyncio.to_thread(file.write_text, value)
            await asyncio.sleep(every)


async def crowd(port: int, clients: int, seconds: float, flip: tuple[Path, float]) -> Counter[str]:
    """All clients; what they counted."""
    counts: Counter[str] = Counter()
    until = time.monotonic() + seconds
    file, every = flip
    flips = asyncio.create_task(flipping(file, every)) if every else None
    async with asyncio.TaskGroup() as group:
        for seed in range(clients):
            group.create_task(client(port, until, seed, counts))
    if flips is not None:
        flips.cancel()
        file.write_text("N\n")
    return counts


def peak(daemon: Daemon) -> float:
    """The most that it had, in MB."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, status
    return int(found[1]) * 1024 / 1e6


def gate(path: Path) -> str:
    """How long the gate took, and how often it had no answer."""
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    took = sorted(1000 * line["took"] for line in lines)
    failed = sum(line["failed"] for line in lines)
    p99 = took[len(took) * 99 // 100]
    return f"gate p50 {took[len(took) // 2]:.0f} ms, p99 {p99:.0f} ms, {failed} not 200"


def measure(tree: Path, options: argparse.Namespace) -> bool:
    """One run; whether all was as it should be."""
    with tempfile.TemporaryDirectory(prefix="vfioguard-policies-") as directory:
        unix = f"{directory}/socket"
        with serving(tree, "--web.listen-address", f"unix:{unix}") as daemon:
            port = int(daemon.address.rpartition(":")[2])
            start = daemon.rss()
            with asking(unix, "unix", directory) as asked:
                flip = tree / _OVERRIDE, options.flip
                counts = asyncio.run(crowd(port, options.clients, options.seconds, flip))
                end, most = daemon.rss(), peak(daemon)
                said = gate(asked)
    print(
        f"{options.groups} groups, {options.clients} clients, {options.seconds:.0f} s, "
        f"override flipped every {options.flip} s: {counts['answered']} answers, "
        f"{counts['come again']} told to come again, {counts['cut off']} cut off, "
        f"{counts['wrong']} wrong, longest "
        f"{counts['longest ms'] / 1000:.1f} s; {said}; MB {start:.0f} at first, {end:.0f} at last, "
        f"{most:.0f} at most (bound {options.bound:.0f})",
        flush=True,
    )
    return most <= options.bound and not counts["wrong"] and bool(counts["answered"])


@contextlib.contextmanager
def host(options: argparse.Namespace) -> Iterator[Path]:
    """The tree that was named, or one that is made."""
    if options.tree is not None:
        yield options.tree
        return
    with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as directory:
        say(f"making a host of {options.groups} groups")
        hosts.make(Path(directory, "host"), options.groups)
        yield Path(directory, "host")


def main() -> int:
    """Measure once."""
    parser = argparse.ArgumentParser(description="Ask for the host under every policy at once.")
    parser.add_argument("--groups", type=int, default=16384)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--flip", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--bound", type=float, default=_BOUND, metavar="MB")
    parser.add_argument("--tree", type=Path, help="a host that bench/hosts.py has made")
    options = parser.parse_args()
    with host(options) as tree:
        return 0 if measure(tree, options) else 1


if __name__ == "__main__":
    sys.exit(main())
