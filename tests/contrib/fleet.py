"""A fleet under the shipped rules, in a real Prometheus: `python -m tests.contrib.fleet 100 1000`.

Each host of it shows what a real daemon shows of a host of 24 groups; only its name and its kernel
differ. One target serves them all, so that it is the rules that are measured. Fails if the number
of recorded series depends on the number of hosts.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from tests.contrib.alerting import shortened
from tests.contrib.rules import ALERTS, RULES
from tests.contrib.servers import Prometheus, free_port, running, until
from tests.contrib.test_exposed import scrape
from tests.support.hosts import x86_host
from tests.support.trees import write

_RELEASE = "6.12.0-amd64"
_KERNELS = 3
#: Seconds: 10,000 hosts are half a million series.
_PATIENCE = 400.0


class Fleet(ThreadingHTTPServer):
    """Serves one body."""

    daemon_threads = True

    def __init__(self, body: bytes) -> None:
        self.body = body
        super().__init__(("127.0.0.1", 0), _Target)


class _Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Fleet)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Silence."""


class Costs:
    """Seconds of the last evaluation of every rule, by Prometheus's own account."""

    def __init__(self, prometheus: Prometheus) -> None:
        groups = prometheus.get("rules")["groups"]
        times = {group["name"]: group["evaluationTime"] for group in groups}
        self.fleet: float = times.pop("vfioguard-fleet")
        self.alerts: float = sum(times.values())
        rules = [rule for group in groups for rule in group["rules"]]
        longest = max(rules, key=lambda rule: float(rule["evaluationTime"]))
        self.longest = f"{longest['name']} {longest['evaluationTime'] * 1000:.0f} ms"


def _evaluations(prometheus: Prometheus, seen: set[str]) -> int:
    """How many evaluations of the recording rules have been seen to end; remembers this one."""
    groups = {group["name"]: group for group in prometheus.get("rules")["groups"]}
    seen.add(groups["vfioguard-fleet"]["lastEvaluation"])
    return len(seen)


def multiplied(text: str, hosts: int) -> bytes:
    """The metrics of one host for so many hosts of three kernels."""
    samples = [line for line in text.splitlines() if line.startswith("vfioguard_")]
    lines: list[str] = []
    for number in range(hosts):
        own = f'job="vfioguard",instance="host-{number}"'
        kernel = f"6.12.{number % _KERNELS}-amd64"
        for line in samples:
            name, _, value = line.rpartition(" ")
            name = f"{name[:-1]},{own}}}" if name.endswith("}") else f"{name}{{{own}}}"
            lines.append(f"{name} {value}\n".replace(_RELEASE, kernel))
    return "".join(lines).encode()


def recorded(text: str, hosts: int) -> int:
    """How many series the rules record of so many hosts; prints what they cost."""
    interval = f"{max(10, hosts // 150)}s"  # about a minute for 10,000, as it is shipped
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fleet = stack.enter_context(Fleet(multiplied(text, hosts)))
        threading.Thread(target=fleet.serve_forever, daemon=True).start()
        stack.callback(fleet.shutdown)
        for rules in (ALERTS, RULES):
            (directory / rules.name).write_text(shortened(rules, interval))
        target = [{"targets": [f"127.0.0.1:{fleet.server_port}"]}]
        job = {"job_name": "fleet", "honor_labels": True, "static_configs": target}
        document = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval},
            "rule_files": [ALERTS.name, RULES.name],
            "scrape_configs": [job],
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(document))
        port = free_port()
        options = ["--config.file=prometheus.yml", "--storage.tsdb.path=series"]
        options.append(f"--web.listen-address=127.0.0.1:{port}")
        stack.enter_context(running(directory, "prometheus", *options))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        counted = f"sum(job_version:vfioguard_hosts:count) == {hosts}"
        until("the count of all hosts", lambda: prometheus.query(counted), _PATIENCE)
        # The evaluation under way had perhaps begun before there were all hosts; the next has not.
        rounds: set[str] = set()
        until("two more evaluations", lambda: _evaluations(prometheus, rounds) > 2, _PATIENCE)
        # Whatever was recorded: a scrape that comes too late on a busy machine ends a series.
        # The count of alerts is left out: it hangs on how long a host has been bad, not on hosts.
        recorded_names = '__name__=~".+:vfioguard_.+",__name__!~"job_alertname.+"'
        (series,) = prometheus.query(f"count(last_over_time({{{recorded_names}}}[15m]))")
        (scraped,) = prometheus.query('count(last_over_time({__name__=~"vfioguard_.+"}[15m]))')
        costs = Costs(prometheus)
        print(
            f"{hosts:6} hosts, {int(scraped['value'][1]):7} series scraped: "
            f"{int(series['value'][1])} recorded in {costs.fleet * 1000:.0f} ms, "
            f"all alerts judged in {costs.alerts * 1000:.0f} ms; longest: {costs.longest}",
            flush=True,
        )
        return int(series["value"][1])


def main() -> None:
    """Compare fleets of the sizes that are given."""
    with tempfile.TemporaryDirectory() as directory:
        text = scrape(write(directory, x86_host(24, release=_RELEASE)))
    found = {recorded(text, int(hosts)) for hosts in sys.argv[1:]}
    if len(found) != 1:
        raise SystemExit(f"the number of recorded series depends on the number of hosts: {found}")


if __name__ == "__main__":
    main()
