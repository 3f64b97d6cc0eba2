"""The metrics of many hosts over one loopback port: `python bench/fleet_hosts.py HOSTS PORT FILE`.

What a host shows is what a real `vfioguard serve` exposes of a synthetic host (hosts.py): 70 % have
64 groups, 20 % 256, 8 % 1,024 and 2 % 4,096. One host of a hundred is bad: half of the bad ones
have lost interrupt remapping, a quarter have the override as well, and of a quarter the daemon is
not ready. The hosts differ in their kernel, their counters and their clocks. One of a thousand
boots each minute: it does not answer for 30 s, and begins to count at zero.

`/m/N` are the metrics of host N. `/turn/N/KIND` makes it another kind. FILE keeps what the daemons
showed, for the next run.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import hosts
import hosts_text

SIZES: Mapping[int, float] = {64: 0.70, 256: 0.20, 1024: 0.08, 4096: 0.02}
GOOD, REFUSED, EXPOSED, UNREADY = "good", "refused", "exposed", "unready"
_BAD = (REFUSED, REFUSED, EXPOSED, UNREADY)
_ONE_IN = 100
_KERNELS = ("6.1.0-28-amd64", "6.8.12-12-pve", "6.12.107+deb13-amd64")
_DOWN = 30.0  # seconds that a boot takes
_BOOTS = 60.0 * 1000  # seconds between two boots of one host, on average
_PATIENCE = 120.0

#: What changes from scrape to scrape: the beginning of a line, and what follows it.
_MOVING: Mapping[str, str] = {
    "vfioguard_snapshot_timestamp_seconds ": "%(read)d",
    "process_start_time_seconds ": "%(boot)d",
    "process_cpu_seconds_total ": "%(cpu).2f",
    'vfioguard_uevents_total{subsystem="pci"} ': "%(events)d",
    'vfioguard_snapshots_total{kind="devices"} ': "%(events)d",
    'vfioguard_snapshots_total{kind="full"} ': "%(fulls)d",
    'vfioguard_group_changes_total{kind="driver"} ': "%(changes)d",
    "vfioguard_ready ": "%(ready)d",
    'vfioguard_unready{reason="failed"} ': "%(unready)d",
}

#: A synthetic host has no nodes of VFIO's devices, which would be a series for each bound group.
#: And a parameter that is enabled or not is not pending.
_LEFT_OUT = ("#", 'vfioguard_group_blocked{blocker="no_cdev"', "vfioguard_override_pending")


def exposed(root: str) -> list[str]:
    """The lines at /metrics of a daemon that has read the host."""
    command = [sys.executable, "-m", "vfioguard", "serve", "--root", root]
    command += ["--config.file", "/dev/null", "--web.listen-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stderr is not None
            log = iter(daemon.stderr.readline, "")
            address = next(line.split("http://")[1].strip() for line in log if "http://" in line)
            until = time.monotonic() + _PATIENCE
            while time.monotonic() < until:
                connection = http.client.HTTPConnection(address, timeout=60)
                connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
                text = connection.getresponse().read().decode()
                if "\nvfioguard_ready 1.0\n" in text:
                    return text.splitlines()
                time.sleep(0.2)
            raise SystemExit(f"{root}: not ready within {_PATIENCE:.0f} s")
        finally:
            daemon.terminate()


def template(lines: list[str], more: list[str]) -> str:
    """A text for `%`, with the metrics of `more` that the lines have not, in HELP and samples."""
    samples = [line for line in lines if not line.startswith(_LEFT_OUT)]
    named = {re.split(r"[ {]", line)[0] for line in samples}
    rest = [line for line in more if not line.startswith(_LEFT_OUT)]
    text: list[str] = []
    for line in [*samples, *(line for line in rest if re.split(r"[ {]", line)[0] not in named)]:
        moving = next((start for start in _MOVING if line.startswith(start)), None)
        plain = line.replace("%", "%%").replace(hosts_text.RELEASE, "%(kernel)s")
        text.append(plain if moving is None else moving + _MOVING[moving])
    return "\n".join(text) + "\n"


def templates(sizes: Mapping[int, float]) -> dict[str, str]:
    """What a host of each kind and size shows, by "KIND SIZE"."""
    shown: dict[str, str] = {}
    running = exposed("/")  # only there are uevents and the log
    for groups in sizes:
        for remapping in (True, False):
            with tempfile.TemporaryDirectory(prefix="vfioguard-bench-", dir="/dev/shm") as name:
                root = Path(name, "host")
                hosts.make(root, groups, remapping=remapping)
                kind = GOOD if remapping else REFUSED
                shown[f"{kind} {groups}"] = template(exposed(str(root)), running)
                if remapping:
                    continue
                for module in ("vfio_iommu_type1", "iommufd"):
                    path = f"sys/module/{module}/parameters/allow_unsafe_interrupts"
                    Path(root, path).write_text("Y\n")
                shown[f"{EXPOSED} {groups}"] = template(exposed(str(root)), running)
        shown[f"{UNREADY} {groups}"] = shown[f"{GOOD} {groups}"]
        print(f"took what a host of {groups} groups shows", file=sys.stderr, flush=True)
    return shown


class Fleet:
    """The hosts, each with its kind, size, kernel and clock."""

    def __init__(self, number: int, shown: Mapping[str, str]) -> None:
        chance = Random(number)
        self._shown = {name: text.encode() for name, text in shown.items()}
        now = time.time()
        sizes = {size: share for size, share in SIZES.items() if f"{GOOD} {size}" in shown}
        self.size = chance.choices(list(sizes), list(sizes.values()), k=number)
        self.kind = [
            _BAD[host // _ONE_IN % len(_BAD)] if host % _ONE_IN == 0 else GOOD
            for host in range(number)
        ]
        self._next = [now + chance.expovariate(1 / _BOOTS) for _ in range(number)]
        self._boot = [now - chance.uniform(600, 1e6) for _ in range(number)]
        self._chance = chance

    def body(self, host: int) -> bytes | None:
        """What the host shows now. Returns None while it boots."""
        now = time.time()
        if now > self._next[host]:
            self._boot[host] = self._next[host] + _DOWN
            self._next[host] = now + _DOWN + self._chance.expovariate(1 / _BOOTS)
        up = now - self._boot[host]
        if up < 0:
            return None
        kind = self.kind[host]
        unready = kind == UNREADY
        return self._shown[f"{kind} {self.size[host]}"] % {
            b"kernel": _KERNELS[host % len(_KERNELS)].encode(),
            b"read": now - (1000 if unready else host % 5),
            b"boot": self._boot[host],
            b"cpu": up * 0.002,
            b"events": up / 5,
            b"fulls": up / 300,
            b"changes": up / 600,
            b"ready": not unready,
            b"unready": unready,
        }


class Connection(asyncio.Protocol):
    """HTTP/1.1 of GET alone, which are answered in their order; Prometheus keeps connections."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._input = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._input += data
        while b"\r\n\r\n" in self._input:
            request, _, self._input = self._input.partition(b"\r\n\r\n")
            body = self._answer(request.split(b" ", 2)[1].decode())
            status = b"503 Service Unavailable" if body is None else b"200 OK"
            body = body or b""
            self._transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (status, len(body), body)
            )

    def _answer(self, path: str) -> bytes | None:
        what, _, rest = path.removeprefix("/").partition("/")
        if what == "m":
            return self._fleet.body(int(rest))
        host, _, kind = rest.partition("/")
        self._fleet.kind[int(host)] = kind
        return b"%.3f\n" % time.time()


async def serve(fleet: Fleet, port: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(fleet), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


def kept(path: Path, sizes: Mapping[int, float]) -> dict[str, str]:
    """The templates of a file, which is made if it is not there: that takes minutes."""
    if not path.exists():
        path.write_text(json.dumps(templates(sizes)))
    shown: dict[str, str] = json.loads(path.read_text())
    return shown


def main() -> None:
    """Take what real daemons show, and serve it; a small fleet has no large hosts."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its directories are removed
    number, port, file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    sizes = {size: share for size, share in SIZES.items() if share * number >= 5}
    fleet = Fleet(number, kept(file, sizes))
    print(f"{number} hosts of {sum(fleet.size)} groups", file=sys.stderr, flush=True)
    asyncio.run(serve(fleet, port))


if __name__ == "__main__":
    main()
