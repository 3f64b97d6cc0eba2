"""What our protocol costs a request: `python bench/request.py [ROUNDS]` (9).

The same application, asked /v1/check over one connection kept alive, is served by uvicorn's own
H11Protocol and by ours, in turns; printed is the CPU time of a request, the client's apart.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from functools import partial
from http.client import HTTPResponse
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import hosts
import uvicorn

from vfioguard.judging import causes
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.judging.policies import policy_names
from vfioguard.judging.under import under
from vfioguard.judging.what_if import group_if
from vfioguard.reading.take import take
from vfioguard.root.opening import open_root
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.connection.connections import Connections, Limits
from vfioguard.serve.connection.server import Server, configured
from vfioguard.serve.host.explaining import explain
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.http.routes import build
from vfioguard.serve.telling.change_teller import ChangeTeller

GROUPS = 64
REQUESTS = 200
REQUEST = b"GET /v1/check/group:0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
WHEN = "2026-01-01T00:00:00Z"


def serve(root: str, listening: socket.socket, pipe: Pipe, *, ours: bool) -> None:
    """One server, which says its CPU seconds whenever it is asked."""
    judged = judge(take(open_root(root)), WHEN)
    latest = Latest(policy_names(), 3600.0)
    scan = Scan(
        report=judged.report,
        under=partial(under, judged),
        check=partial(check, judged),
        why=partial(causes.why, judged.host),
        explain=partial(explain, judged),
        what_if=partial(group_if, judged),
        state=judged.snapshot,
        taken_at=time.time(),
        seconds=0.0,
    )
    latest.publish(scan, latest.render(judged.report))
    app = build(latest, ChangeTeller())
    server = Server(app, Connections(Limits())) if ours else uvicorn.Server(configured(app))

    async def go() -> None:
        asyncio.get_running_loop().add_reader(pipe, tell)
        await server.serve([listening])

    def tell() -> None:
        pipe.recv()
        pipe.send(time.process_time())

    asyncio.run(go())


class Served:
    """A server in a process of its own, and a connection to it."""

    def __init__(self, root: str, *, ours: bool) -> None:
        # asyncio sets TCP_NODELAY only where the protocol is named.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            self._pipe, theirs = multiprocessing.Pipe()
            self.process = multiprocessing.Process(
                target=serve, args=(root, listening, theirs), kwargs={"ours": ours}, daemon=True
            )
            self.process.start()
            self._client = socket.create_connection(listening.getsockname())
        self.round()

    def _cpu(self) -> float:
        self._pipe.send(None)
        found: float = self._pipe.recv()
        return found

    def round(self) -> float:
        """Milliseconds of the server's CPU time for a request."""
        began = self._cpu()
        for _ in range(REQUESTS):
            self._client.sendall(REQUEST)
            answer = HTTPResponse(self._client)
            answer.begin()
            if answer.status != 200 or not answer.read():
                raise SystemExit(f"not answered: {answer.status}")
        return (self._cpu() - began) * 1000 / REQUESTS


def main() -> None:
    """Measure in turns and print a Markdown table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as root:
        hosts.make(Path(root), GROUPS)
        served = {
            "uvicorn's H11Protocol": Served(root, ours=False),
            "vfioguard's": Served(root, ours=True),
        }
        found: dict[str, list[float]] = {name: [] for name in served}
        for _ in range(rounds):
            for name, one in served.items():
                found[name].append(one.round())
        for one in served.values():
            one.process.kill()
            one.process.join()
    print("| protocol | CPU ms a request, median | least |\n| --- | --- | --- |")
    for name, times in found.items():
        print(f"| {name} | {statistics.median(times):.3f} | {min(times):.3f} |")


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main()
