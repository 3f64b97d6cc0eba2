"""Hold 10,000 slow connections against `vfioguard serve` and say what that cost: bench/flood.py.

Each kind of slowness meets a daemon of its own. While it lasts, other processes ask over the UNIX
socket and over TCP. The exit status says whether memory, answers and descriptors kept the bounds
below. A time over its bound is measured anew, twice at most: another process may have had the CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import selectors
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import hosts

HERE = Path(__file__).parent
#: The bounds: MiB, and milliseconds or seconds.
RSS_MIB = 16.0
UNIX_MS = 100.0
TCP_S = 10.0
#: Groups of the host that is served: a report of some 3 MB, more than the kernel's buffers hold.
GROUPS = 1024
SECONDS = 12.0
KINDS = ("silent", "headers", "body", "readers", "idle", "pipeline", "again")

_FIRST = {
    "silent": b"",
    "again": b"",
    "headers": b"GET /v1/groups HTTP/1.1\r\nHost: localhost\r\n",
    "body": b"POST /v1/groups HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n",
    "readers": b"GET /v1/report HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "idle": b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "pipeline": b"GET /v1/report HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4000,
    # The head of a TLS record of 16 KiB, and of a ClientHello that never ends.
    "hello": b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(8192),
}
_MORE = {"headers": b"X-More: 1\r\n", "body": b"x" * 1000, "hello": b"\0"}


class Plan(NamedTuple):
    """One round: the kind, how many connections, and the daemon's RLIMIT_NOFILE."""

    kind: str
    connections: int
    files: int


class Measured(NamedTuple):
    """What came of it. `tcp_s` is the longest time without an answer over TCP."""

    opened: int
    open_at_most: int
    rss_mib: float
    grown_mib: float
    unix_ms: float
    unix_failed: int
    tcp_s: float
    tcp_asked: int
    tcp_failed: int
    left: int
    cpu_s: float

    def wrong(self) -> list[str]:
        """Which bounds were missed."""
        bounds = (
            (self.grown_mib > RSS_MIB, f"grew by {self.grown_mib:.1f} MiB, not {RSS_MIB:g}"),
            (self.unix_ms > UNIX_MS, f"UNIX: {self.unix_ms:.0f} ms, not {UNIX_MS:g}"),
            (self.unix_failed > 0, f"UNIX: {self.unix_failed} not answered"),
            (self.tcp_s > TCP_S, f"TCP: no answer for {self.tcp_s:.1f} s, not {TCP_S:g}"),
        )
        return [text for missed, text in bounds if missed]


class Server:
    """`vfioguard serve` on both kinds of socket."""

    def __init__(self, plan: Plan, root: str, directory: str, options: list[str]) -> None:
        self.unix = f"{directory}/socket"
        command = [sys.executable, "-m", "vfioguard", "serve", "--root", root]
        command += ["--config.file", "/dev/null", "--web.listen-address", f"unix:{self.unix}"]
        command += ["--web.listen-address", "127.0.0.1:0", *options]
        limited = ["sh", "-c", f'ulimit -n {plan.files}; exec "$@"', "sh", *command]
        self.log = Path(f"{directory}/log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(limited, stderr=log, cwd=HERE.parent)
        self.port = int(self._logged(r"://127\.0\.0\.1:(\d+)"))
        self._logged(r"of \d+ IOMMU groups")

    def _logged(self, pattern: str) -> str:
        for _ in range(600):
            if found := re.search(pattern, self.log.read_text()):
                return found[found.re.groups]
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"flood: the daemon did not start:\n{self.log.read_text()}")

    def rss(self) -> float:
        """Its resident memory now, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, status
        return int(found[1]) / 1024

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        """Its open files."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def flood(plan: Plan, server: Server, seconds: float) -> Iterator[int]:
    """Open them all and be slow; yields, several times a second, how many were opened."""
    ready = selectors.DefaultSelector()
    first, more = _FIRST[plan.kind], _MORE.get(plan.kind, b"")
    alive: set[socket.socket] = set()
    opened, began, beat = 0, time.monotonic(), 0.0
    while time.monotonic() - began < seconds:
        room = 200
        while room and opened < plan.connections:
            alive.add(_open(server.port, ready))
            opened, room = opened + 1, room - 1
        for key, events in ready.select(0 if opened < plan.connections else 0.05):
            one = key.fileobj
            assert isinstance(one, socket.socket)
            if events & selectors.EVENT_WRITE:
                _begin(one, first, ready, reads=plan.kind not in {"readers", "pipeline"})
            elif not _drain(one):
                ready.unregister(one)
                one.close()
                alive.discard(one)
                if plan.kind == "again" and opened < 2 * plan.connections:
                    alive.add(_open(server.port, ready))
                    opened += 1
        if more and time.monotonic() - beat > 1:
            beat = time.monotonic()
            for one in alive:
                with contextlib.suppress(OSError):
                    one.send(more)
        yield opened
    for one in alive:
        one.close()


def _open(port: int, ready: selectors.BaseSelector) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    ready.register(one, selectors.EVENT_WRITE)
    return one


def _begin(one: socket.socket, first: bytes, ready: selectors.BaseSelector, *, reads: bool) -> None:
    with contextlib.suppress(OSError):
        one.send(first)
    if reads:
        ready.modify(one, selectors.EVENT_READ)
    else:
        ready.unregister(one)


def _drain(one: socket.socket) -> bool:
    try:
        return bool(one.recv(65536))
    except BlockingIOError:
        return True
    except OSError:
        return False


def ask(address: str, scheme: str) -> None:
    """Ask for ever, ten times a second; a JSON line for each: when, and how long it took."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    while True:
        began = time.monotonic()
        try:
            failed = not _answered(address, trusting if scheme == "https" else None)
        except OSError:
            failed = True
        took = time.monotonic() - began
        print(json.dumps({"at": began, "took": took, "failed": failed}), flush=True)
        time.sleep(max(0.0, 0.1 - took))


def _answered(address: str, context: ssl.SSLContext | None) -> bool:
    unix = address.startswith("/")
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as one:
        one.settimeout(5)
        one.connect(address if unix else ("127.0.0.1", int(address)))
        with context.wrap_socket(one) if context else contextlib.nullcontext(one) as secure:
            # A virtual function; the first groups are a root port's and its physical function's.
            secure.sendall(b"GET /v1/check/group:3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return bool(secure.recv(65536).startswith(b"HTTP/1.1 200 "))


@contextlib.contextmanager
def asking(address: str, scheme: str, directory: str) -> Iterator[Path]:
    """A process that asks; the file it writes to."""
    path = Path(f"{directory}/asked-{scheme}")
    with path.open("w") as out:
        process = subprocess.Popen([sys.executable, __file__, "--ask", address, scheme], stdout=out)
        try:
            yield path
        finally:
            process.kill()
            process.wait()


def measure(plan: Plan, root: str, options: list[str]) -> Measured:
    """One round."""
    with tempfile.TemporaryDirectory(prefix="vfioguard-flood-") as directory:
        server = Server(plan, root, directory, options)
        try:
            return _measure(plan, server, directory, "https" if options else "http")
        finally:
            print(server.log.read_text(), end="", file=sys.stderr)
            server.process.kill()
            server.process.wait()


def _measure(plan: Plan, server: Server, directory: str, scheme: str) -> Measured:
    with (
        asking(server.unix, "unix", directory) as unix,
        asking(str(server.port), scheme, directory) as tcp,
    ):
        # What a daemon in use has: each form of the answer, made once.
        for route in ("v1/report", "v1/groups", "metrics", "openapi.json"):
            command = ["curl", "-sf", "-o", "/dev/null", "--unix-socket", server.unix]
            subprocess.run([*command, f"http://localhost/{route}"], check=True)
        time.sleep(2)
        idle, files, cpu = server.rss(), server.descriptors(), server.cpu()
        began, opened, rss, most = time.monotonic(), 0, idle, files
        for opened in flood(plan, server, SECONDS):  # noqa: B007 - the last one counts
            rss, most = max(rss, server.rss()), max(most, server.descriptors())
        time.sleep(1)
        ended = time.monotonic()
        asked = [_lines(path, began) for path in (unix, tcp)]
    left, cpu = server.descriptors() - files, server.cpu() - cpu
    over_unix, over_tcp = asked
    answered = [one["at"] + one["took"] - began for one in over_tcp if not one["failed"]]
    return Measured(
        opened,
        most - files,
        idle,
        rss - idle,
        1000 * max(one["took"] for one in over_unix),
        sum(one["failed"] for one in over_unix),
        max(after - before for before, after in pairwise([0.0, *answered, ended - began])),
        len(over_tcp),
        sum(one["failed"] for one in over_tcp),
        left,
        cpu,
    )


def _lines(path: Path, began: float) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return [line for line in lines if line["at"] >= began]


def _round(plan: Plan, root: str, options: list[str]) -> bool:
    for _attempt in range(3):
        found = measure(plan, root, options)
        print(
            f"{plan.kind:9} NOFILE {plan.files:5}: {found.opened:6} opened, at most "
            f"{found.open_at_most:4} held by the daemon; RSS {found.rss_mib:.1f} "
            f"+ {found.grown_mib:.1f} MiB; UNIX at most {found.unix_ms:.0f} ms; TCP without "
            f"an answer for {found.tcp_s:.2f} s, {found.tcp_failed} of {found.tcp_asked} failed; "
            f"{found.left} left open; {found.cpu_s:.1f} s of CPU",
            flush=True,
        )
        wrong = found.wrong()
        if not wrong:
            return True
        print(f"{plan.kind:9} MISSED {'; '.join(wrong)}", flush=True)
    return False


def main() -> int:
    """Every kind, then the first again with few descriptors."""
    parser = argparse.ArgumentParser(description="Hold slow connections against vfioguard serve.")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="+", choices=[*_FIRST], default=list(KINDS))
    parser.add_argument("--files", type=int, nargs="+", default=[8192, 1024])
    parser.add_argument("--web-config", metavar="FILE", help="of the daemon, with TLS")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < options.connections + 100:
        raise SystemExit(f"flood: ulimit -n is {most}; {options.connections + 100} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    more = ["--web.config.file", options.web_config] if options.web_config else []
    with tempfile.TemporaryDirectory(prefix="vfioguard-host-", dir="/dev/shm") as root:
        hosts.make(Path(root), GROUPS)
        plans = [
            Plan(kind, options.connections, n) for n in options.files for kind in options.kinds
        ]
        kept = [_round(plan, root, more) for plan in plans]
    print(f"{sum(kept)} of {len(kept)} rounds kept all bounds")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(*sys.argv[2:])
    sys.exit(main())
