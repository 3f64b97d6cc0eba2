"""What a fleet costs Prometheus: `python bench/fleet.py 100 1000`.

fleet_hosts.py serves the metrics of so many hosts, and a Prometheus of its own, in a directory that
is removed, scrapes them and evaluates the shipped rules. Then hosts turn bad, and it is measured
how long the alerts take. Prints a row of Markdown for each number of hosts. Everything but the
latency is Prometheus's own account.

`--hasten N` makes every `for` and `interval` of the rules N seconds and fails unless the alerts of
the hosts that turned fire, each with its reason: that is for tests, not for figures.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_RULES = _HERE.parent / "contrib" / "prometheus"
_FILES = ("vfioguard-alerts.yml", "vfioguard-rules.yml")
#: The first host of each kind that turns bad; a bad host has a number that ends in 00.
_TURNED = {"exposed": 17, "unready": 51}
_ALERTS = {"exposed": "VfioguardGroupExposed", "unready": "VfioguardUnreliable"}
_MOST = 20
_COLUMNS = (
    "hosts",
    "groups",
    "series",
    "series a host",
    "memory, MB",
    "samples a second",
    "CPU, %",
    "recording rules, s",
    "alert rules, s",
    "alert pending, s",
    "alert fires, s",
)


_APPENDED = "prometheus_tsdb_head_samples_appended_total"
_CPU = "process_cpu_seconds_total"


class Server:
    """Prometheus's HTTP interface."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """The `data` of an answer."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)["data"]

    def value(self, expression: str) -> float:
        """The value of an instant query; 0 if it has no series."""
        result = self.get("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def own(self) -> dict[str, float]:
        """What Prometheus says of itself, by the whole name of the sample."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=60) as answer:
            lines = [line.rpartition(" ") for line in answer.read().decode().splitlines()]
        return {name: float(value) for name, _, value in lines if not name.startswith("#")}

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing."""
        found: list[dict[str, Any]] = self.get("alerts")["alerts"]
        return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def running(command: list[str], directory: Path, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block; its log is shown if the block fails."""
    path = directory / log
    with open(path, "wb") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output)
    try:
        yield process
    except BaseException:
        sys.stderr.write(path.read_text()[-3000:])
        raise
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(what: str, asked: Callable[[], bool], seconds: float) -> None:
    """Ask twice a second until the answer is yes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if asked():
                return
        except OSError:  # it does not listen yet
            pass
        time.sleep(0.5)
    raise SystemExit(f"not within {seconds:.0f} s: {what}")


def configure(directory: Path, hosts: int, port: int, options: argparse.Namespace) -> None:
    """Write what Prometheus reads."""
    for name in _FILES:
        text = (_RULES / name).read_text()
        if options.hasten:
            text = re.sub(r"(?m)^( +(?:for|interval)): \w+$", rf"\1: {options.hasten}s", text)
        (directory / name).write_text(text)
    targets = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {"__metrics_path__": f"/m/{host}", "instance": f"host-{host}"},
        }
        for host in range(hosts)
    ]
    (directory / "targets.json").write_text(json.dumps(targets))
    job: dict[str, object] = {"job_name": "vfioguard"}
    job["file_sd_configs"] = [{"files": ["targets.json"]}]
    if options.drop:
        left_out = {"source_labels": ["__name__"], "regex": options.drop, "action": "drop"}
        job["metric_relabel_configs"] = [left_out]
    interval = f"{options.interval}s"
    document = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": list(_FILES),
        "scrape_configs": [job],
    }
    # JSON is YAML.
    (directory / "prometheus.yml").write_text(json.dumps(document))


def turn(port: int, hosts: int) -> dict[str, dict[str, float]]:
    """Turn hosts bad, spread over the fleet; returns when, by kind and instance."""
    turned: dict[str, dict[str, float]] = {}
    for kind, place in _TURNED.items():
        for host in range(place, hosts, max(10, hosts // _MOST)):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/turn/{host}/{kind}") as answer:
                turned.setdefault(kind, {})[f"host-{host}"] = float(answer.read())
    return turned


class Latency:
    """Seconds from the turn of a host until its alert is pending, and until it fires."""

    def __init__(self, turned: dict[str, float], alert: str) -> None:
        self._turned = turned
        self._alert = alert
        self.pending: dict[str, float] = {}
        self.firing: dict[str, float] = {}
        self.alerts: dict[str, dict[str, Any]] = {}

    def see(self, alerts: list[dict[str, Any]]) -> bool:
        """Note what is there now. Returns whether all of them fire."""
        now = time.time()
        for alert in alerts:
            labels = alert["labels"]
            host = labels.get("instance")
            if labels["alertname"] != self._alert or host not in self._turned:
                continue
            took = now - self._turned[host]
            self.pending.setdefault(host, took)
            if alert["state"] == "firing":
                self.firing.setdefault(host, took)
                self.alerts[host] = alert
        return len(self.firing) == len(self._turned)


def figures(seconds: dict[str, float]) -> str:
    """The median, and the longest."""
    return f"{statistics.median(seconds.values()):.0f} (<= {max(seconds.values()):.0f})"


def line(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def rules(own: dict[str, float], group: str) -> float:
    """Seconds of the last evaluation of a group of rules."""
    start = "prometheus_rule_group_last_duration_seconds{"
    return sum(value for name, value in own.items() if name.startswith(start) and group in name)


def median(seen: list[dict[str, float]], *groups: str) -> str:
    """Seconds of an evaluation of groups of rules, of those that were seen."""
    return f"{statistics.median(sum(rules(own, each) for each in groups) for own in seen):.1f}"


def measure(hosts: int, options: argparse.Namespace) -> None:
    """Print the row of so many hosts."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("prometheus is missing: apt-get install prometheus")
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="vfioguard-fleet-"))
        directory, port, own_port = Path(name), free_port(), free_port()
        templates = options.templates or directory / "templates.json"
        command = [sys.executable, str(_HERE / "fleet_hosts.py"), str(hosts), str(port)]
        command.append(str(templates.resolve()))
        fleet = stack.enter_context(running(command, directory, "fleet.log"))
        log = directory / "fleet.log"
        until("the fleet", lambda: fleet.poll() is None and "ready" in log.read_text(), 900)
        configure(directory, hosts, port, options)
        command = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=series"]
        command += [
            f"--web.listen-address=127.0.0.1:{own_port}",
            "--storage.tsdb.retention.time=2h",
        ]
        stack.enter_context(running(command, directory, "prometheus.log"))
        server = Server(own_port)
        most = hosts * 0.99  # some boot
        counted = "sum(job_version:vfioguard_hosts:count)"
        until("all hosts", lambda: server.value(counted) >= most, 300 + 4 * options.interval)
        before, began = server.own(), time.monotonic()
        states: list[dict[str, float]] = []
        while time.monotonic() < began + options.settle:
            time.sleep(min(options.interval, options.settle) / 2)
            states.append(server.own())
        own, seconds = server.own(), time.monotonic() - began
        turned = turn(port, hosts)
        seen = {kind: Latency(hosts_of, _ALERTS[kind]) for kind, hosts_of in turned.items()}
        waited = ("exposed", "unready") if options.hasten else ("exposed",)

        def all_fire() -> bool:
            alerts = server.alerts()
            return [seen[kind].see(alerts) for kind in waited] == [True] * len(waited)

        until(f"the alerts of {waited}", all_fire, 180 + 4 * options.interval)
        after = server.own()
        match = re.search(r"hosts of (\d+) groups", log.read_text())
        assert match is not None
        appended = next(name for name in own if name.startswith(_APPENDED))
        spent = own[_CPU] - before[_CPU]
        series = own["prometheus_tsdb_head_series"]
        row = (
            f"{hosts:,}",
            f"{int(match[1]):,}",
            f"{series:,.0f}",
            f"{series / hosts:.0f}",
            f"{after['process_resident_memory_bytes'] / 1e6:,.0f}",
            f"{(own[appended] - before[appended]) / seconds:,.0f}",
            f"{100 * spent / seconds:.0f}",
            median(states, "vfioguard-fleet"),
            median(states, "vfioguard-groups", "vfioguard-host", "vfioguard-itself"),
            figures(seen["exposed"].pending),
            figures(seen["exposed"].firing),
        )
        print(line(row), flush=True)
        if options.hasten:
            tell(seen)


def tell(seen: dict[str, Latency]) -> None:
    """Say what fires, and why; fails if a host that is not ready has no reason."""
    for kind, latency in seen.items():
        for host, alert in sorted(latency.alerts.items())[:3]:
            labels = alert["labels"]
            print(f"\n{host} turned {kind}: {labels['alertname']} fires, {json.dumps(labels)}")
            print("\n".join(f"  {name}: {text}" for name, text in alert["annotations"].items()))
    reasons = {alert["labels"].get("reason") for alert in seen["unready"].alerts.values()}
    if reasons != {"failed"}:
        raise SystemExit(f"the reason is not the daemon's own: {reasons}")


def main() -> None:
    """Measure fleets of the sizes that are given."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all processes are ended
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", type=int, nargs="+")
    parser.add_argument("--interval", type=int, default=60, help="of scrapes and rules, seconds")
    parser.add_argument("--settle", type=float, default=180, help="seconds before the measurement")
    parser.add_argument("--templates", type=Path, help="keep what the daemons show in this file")
    parser.add_argument("--drop", metavar="REGEX", help="names of metrics that are not kept")
    parser.add_argument("--hasten", type=int, default=0, help="for tests: all `for`, seconds")
    options = parser.parse_args()
    if min(options.hosts) <= max(_TURNED.values()):
        parser.error(
            f"HOSTS: more than {max(_TURNED.values())}, so that some of each kind turn bad"
        )
    print(line(_COLUMNS), line("---" for _ in _COLUMNS), sep="\n", flush=True)
    for hosts in options.hosts:
        measure(hosts, options)


if __name__ == "__main__":
    main()
