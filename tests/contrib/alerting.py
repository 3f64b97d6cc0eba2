"""Debian's Prometheus and Alertmanager watch a real daemon: `python -m tests.contrib.alerting`.

A synthetic host loses interrupt remapping and gets the override; the shipped rules fire, and a
webhook is told; the host is mended, and the webhook is told that too. Prints when what happened.

The rules are the shipped files but for the times: every `for` and `interval` is a second.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from tests.contrib.rules import ALERTS, RULES, metrics_in
from tests.contrib.servers import Prometheus, Webhook, free_port, running, until
from tests.contrib.test_dashboard import expressions
from tests.serve.test_daemon import Daemon, daemon, wait_until_ready
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.trees import write
from vfioguard.root.memory import Entry

_ALERT = "VfioguardGroupExposed"
_EXPOSED = 'job_outcome:vfioguard_bound_hosts:count{outcome="allowed-by-override"}'


class Story:
    """Says what happened when."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def tell(self, what: str) -> None:
        now = time.monotonic()
        print(f"{now - self._began:6.1f} s  (+{now - self._last:.1f})  {what}", flush=True)
        self._last = now


def shortened(path: Path, interval: str = "1s") -> str:
    """The rules of a file with every `for` and `interval` this short; nothing else is changed."""
    document = yaml.safe_load(path.read_text())
    for group in document["groups"]:
        group["interval"] = interval
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = interval
    text: str = yaml.safe_dump(document)
    return text


def hosts() -> tuple[dict[str, Entry], dict[str, Entry]]:
    """A host that is safe, and the same one without remapping and with the override."""

    def host(chip: str, *, remapping: bool) -> dict[str, Entry]:
        bound = [Function("0000:41:00.0", chip, driver="vfio-pci")]
        groups = {1: bound, 2: [Function("0000:42:00.0", chip)]}
        return x86_host(groups, remapping=remapping, override=not remapping)

    return host("IR-PCI-MSIX", remapping=True), host("PCI-MSIX", remapping=False)


def turn(
    vfioguard: Daemon, root: str, now: Mapping[str, Entry], after: Mapping[str, Entry]
) -> None:
    """Make the files of a host those of another with the same paths, and have it read again.

    A directory sends no uevents: SIGHUP stands for them.
    """
    assert now.keys() == after.keys()
    for path, entry in after.items():
        if entry != now[path]:
            assert isinstance(entry, bytes)
            with open(f"{root}{path}.new", "wb") as file:
                file.write(entry)
            os.rename(f"{root}{path}.new", f"{root}{path}")
    vfioguard.process.send_signal(signal.SIGHUP)


def configure(directory: Path, target: str, webhook: str, alertmanager: int) -> None:
    """Write what both servers read."""
    for rules in (ALERTS, RULES):
        (directory / rules.name).write_text(shortened(rules))
    prometheus = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [ALERTS.name, RULES.name],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
        },
        "scrape_configs": [{"job_name": "vfioguard", "static_configs": [{"targets": [target]}]}],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(prometheus))
    route = {"receiver": "hook", "group_by": ["alertname"], "group_wait": "0s"}
    alerts = {
        "route": route | {"group_interval": "1s"},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": webhook}]}],
    }
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(alerts))


def check_collection(prometheus: Prometheus, story: Story) -> None:
    """It is OpenMetrics that was negotiated, and every rule evaluates."""
    # Only OpenMetrics has units and infos.
    metadata = {one["metric"]: one for one in prometheus.get("targets/metadata")}
    assert metadata["vfioguard_snapshot_duration_seconds"]["unit"] == "seconds", metadata
    assert metadata["vfioguard_build"]["type"] == "info", metadata
    story.tell(f"Prometheus asked for OpenMetrics and got it: {len(metadata)} metrics")
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert [rule for rule in rules if rule["health"] != "ok"] == []
    story.tell(f"all {len(rules)} rules evaluate")


def check_alert(alert: dict[str, Any], target: str) -> None:
    """What a person gets to read."""
    assert alert["labels"]["severity"] == "critical"
    summary = f"{target}: a guest's device can forge interrupts of the host"
    assert alert["annotations"]["summary"] == summary
    assert alert["annotations"]["description"].startswith("1 IOMMU groups bound to a VFIO driver")
    assert alert["annotations"]["runbook_url"].endswith("runbook.md#vfioguardgroupexposed")


def started(stack: ExitStack, directory: Path, target: str, webhook: Webhook) -> Prometheus:
    """Both servers, of which Prometheus scrapes the target and tells the webhook."""
    ports = free_port(), free_port()
    configure(directory, target, f"http://127.0.0.1:{webhook.server_port}/", ports[0])
    alertmanager = ["--config.file=alertmanager.yml", "--cluster.listen-address="]
    alertmanager += [f"--web.listen-address=127.0.0.1:{ports[0]}", "--storage.path=alerts"]
    stack.enter_context(running(directory, "prometheus-alertmanager", *alertmanager))
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=series"]
    options.append(f"--web.listen-address=127.0.0.1:{ports[1]}")
    stack.enter_context(running(directory, "prometheus", *options))
    prometheus = Prometheus(f"http://127.0.0.1:{ports[1]}")
    until("a scrape", lambda: prometheus.query("vfioguard_ready == 1"))
    return prometheus


def check_quiet(prometheus: Prometheus, story: Story) -> None:
    """A safe host fires nothing, also after every rule was judged several times."""
    judged = 'count_over_time(job_version:vfioguard_hosts:count{job="vfioguard"}[1m]) >= 4'
    until("four evaluations", lambda: prometheus.query(judged))
    assert prometheus.firing() == []
    story.tell("nothing fires for a safe host")


def check_dashboard(prometheus: Prometheus, target: str, story: Story) -> None:
    """Prometheus answers every panel of it, but for what has no series or counts what is amiss."""
    asked = expressions(instance=target, interval="10s")
    empty = [expression for expression in asked if not prometheus.query(expression)]
    for expression in empty:
        without = [name for name in metrics_in(expression) if not prometheus.query(name)]
        assert without or expression.endswith("> 0"), f"no value: {expression}"
        print(f"{'':10}no value: {expression}")
    story.tell(f"{len(asked)} expressions of the dashboard answered, {len(empty)} without a value")


def main() -> None:
    """Play it through; an assertion or SystemExit says what was wrong."""
    story = Story()
    safe, unsafe = hosts()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = write(directory / "host", safe)
        webhook = stack.enter_context(Webhook())
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        stack.callback(webhook.shutdown)
        vfioguard = stack.enter_context(daemon(Path(root)))
        wait_until_ready(vfioguard)
        story.tell("vfioguard serve is ready")
        target = vfioguard.url.removeprefix("http://")
        prometheus = started(stack, directory, target, webhook)
        story.tell("Prometheus has scraped it")
        check_quiet(prometheus, story)
        check_collection(prometheus, story)

        turn(vfioguard, root, safe, unsafe)
        story.tell("the host has lost remapping and got allow_unsafe_interrupts=Y")
        check_alert(webhook.wait_for(_ALERT, "firing"), target)
        story.tell(f"the webhook has {_ALERT}")
        print(f"{'':10}firing: {', '.join(prometheus.firing())}")
        until("the fleet's count", lambda: prometheus.query(f"{_EXPOSED} == 1"))
        check_dashboard(prometheus, target, story)

        turn(vfioguard, root, unsafe, safe)
        story.tell("the host is mended")
        webhook.wait_for(_ALERT, "resolved")
        story.tell("the webhook knows that it is resolved")
        until("silence about a mended host", lambda: not prometheus.firing())
        until("the fleet's count", lambda: prometheus.query(f"{_EXPOSED} == 0"))
        story.tell("nothing fires, no host is counted as exposed")
        assert vfioguard.stop() == 0
    story.tell("all stopped")


if __name__ == "__main__":
    main()
