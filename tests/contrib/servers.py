"""Servers beside ours: Prometheus and Alertmanager as processes, and who is told by a webhook."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: Seconds that any step may take.
DEADLINE = 30.0


class Webhook(ThreadingHTTPServer):
    """Keeps what Alertmanager sends."""

    daemon_threads = True

    def __init__(self) -> None:
        self.alerts: queue.Queue[dict[str, Any]] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _Receiver)

    def wait_for(self, name: str, status: str) -> dict[str, Any]:
        """The next alert of this name and status ("firing" or "resolved")."""
        until = time.monotonic() + DEADLINE
        while True:
            try:
                alert = self.alerts.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise SystemExit(f"not within {DEADLINE:.0f} s: {name} {status}") from None
            if (alert["labels"]["alertname"], alert["status"]) == (name, status):
                return alert


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Webhook)
        for alert in json.loads(body)["alerts"]:
            self.server.alerts.put(alert)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence: the story is told elsewhere."""


class Prometheus:
    """The HTTP interface of one."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer; raises OSError where there is none yet."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        result: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return result

    def firing(self) -> list[str]:
        """The names of the alerts that fire."""
        found = self.query('ALERTS{alertstate="firing"}')
        return sorted({series["metric"]["alertname"] for series in found})


def until(what: str, ask: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """Ask ten times a second until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := ask():
                return found
        except OSError:  # it does not listen yet, or answers 503 while it starts
            pass
        time.sleep(0.1)
    raise SystemExit(f"not within {seconds:.0f} s: {what}")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def running(directory: Path, program: str, *options: str) -> Iterator[None]:
    """A server in its directory; its log is shown if something fails."""
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"{program} is missing: apt-get install prometheus-alertmanager")
    log = directory / f"{program}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen([path, *options], stdout=output, stderr=output, cwd=directory)
    try:
        yield
    except BaseException:
        print(log.read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
