"""What a scrape costs: `python bench/scrape.py [GROUPS]` (4096).

A synthetic host without interrupt remapping, so that every function has its series under every
backend, is served by a daemon, and scraped over one connection as Prometheus does. The first scrape
in a format is what a change costs: the metrics of the Report are exposed then, and kept. The exit
status tells whether it ran, never how fast.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import hosts

_SCRAPES = 30
_PATIENCE = 120.0  # seconds for the first reading, on a machine that has other things to do
#: What Prometheus 2.42 sends.
_ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_FORMS = {
    "text": {"Accept": "text/plain"},
    "OpenMetrics": {"Accept": _ACCEPT},
    "OpenMetrics, gzip (Prometheus)": {"Accept": _ACCEPT, "Accept-Encoding": "gzip"},
}


def wait(connection: http.client.HTTPConnection) -> None:
    """Until the daemon has read the host."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with suppress(ConnectionError):
            connection.request("GET", "/-/ready")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"not ready within {_PATIENCE:.0f} s")


def scrape(connection: http.client.HTTPConnection, headers: dict[str, str]) -> tuple[float, bytes]:
    """Seconds from the request to the last byte, and the body."""
    began = time.perf_counter()
    connection.request("GET", "/metrics", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"/metrics: {answer.status}")
    return time.perf_counter() - began, body


def main() -> None:
    """Make a host, serve it, scrape it, print a Markdown table."""
    groups = int(sys.argv[1]) if len(sys.argv) > 1 else 4096
    with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as directory:
        hosts.make(Path(directory, "host"), groups, remapping=False)
        command = [sys.executable, "-m", "vfioguard", "serve", "--root", f"{directory}/host"]
        command += ["--config.file", "/dev/null", "--web.listen-address", "127.0.0.1:0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
            try:
                assert daemon.stderr is not None
                log = iter(daemon.stderr.readline, "")
                address = next(
                    line.split("http://")[1].strip() for line in log if "http://" in line
                )
                connection = http.client.HTTPConnection(address.strip(), timeout=60)
                wait(connection)
                measure(connection, groups, daemon.pid)
            finally:
                daemon.terminate()


def cpu(pid: int) -> float:
    """Seconds of CPU time that the process has used (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def measure(connection: http.client.HTTPConnection, groups: int, pid: int) -> None:
    """Scrape in every form and print what it cost."""
    print(f"{groups} groups, {_SCRAPES} scrapes of each form, and one before them\n")
    print("| form | bytes | the first, CPU ms | a scrape, CPU ms | median ms | longest ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    samples = 0
    for form, headers in _FORMS.items():
        start = cpu(pid)
        _, body = scrape(connection, headers)
        samples = samples or sum(not line.startswith(b"#") for line in body.splitlines())
        first = (cpu(pid) - start) * 1000
        start = cpu(pid)
        times = [scrape(connection, headers)[0] * 1000 for _ in range(_SCRAPES)]
        later = (cpu(pid) - start) * 1000 / _SCRAPES
        wall = f"{statistics.median(times):.1f} | {max(times):.1f}"
        print(f"| {form} | {len(body)} | {first:.0f} | {later:.1f} | {wall} |")
    print(f"\n{samples} samples")


if __name__ == "__main__":
    main()
