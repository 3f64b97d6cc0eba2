"""What a real `vfioguard serve` exposes is what the rules, the dashboard and the document name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.contrib.rules import ALERTS, REPOSITORY, RULES, RUNBOOK, metrics_in, rules_of
from tests.contrib.test_dashboard import PANELS
from tests.serve.test_daemon import curl, daemon, wait_until_ready
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.trees import write

DOCUMENT = REPOSITORY / "docs" / "metrics.md"
#: Exposed only where the daemon may read /dev/kmsg.
FROM_THE_LOG = {"vfioguard_iommu_faults_total", "vfioguard_refused_attaches_total"}


def scrape(root: str) -> str:
    """/metrics of a daemon that has read the host."""
    with daemon(Path(root)) as running:
        wait_until_ready(running)
        status, text = curl(f"{running.url}/metrics")
        assert status == 0
        assert running.stop() == 0
    return text


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    """Name -> metric, of a host with something to say under each of them."""
    groups = {1: [Function("0000:01:00.0", "PCI-MSIX", driver="vfio-pci")], 2: ["0000:02:00.0"]}
    host = x86_host(groups, remapping=False, override=True, iommufd=False)
    root = write(tmp_path_factory.mktemp("host"), host)
    # Of the running host it follows the log as well; what it says of a host is the other's.
    return {
        family.name + ("_total" if family.type == "counter" else ""): family
        for each in ("/", root)
        for family in text_string_to_metric_families(scrape(each))
    }


def log_can_be_followed() -> bool:
    """Whether this process may read the kernel's log, as the daemon would."""
    try:
        os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def documented() -> Iterator[tuple[str, set[str]]]:
    """Each metric of the document's tables, with its labels."""
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("| `vfioguard_"):
            yield cells[1].strip("`"), set(re.findall(r"`(\w+)`", cells[2]))


def test_the_document_describes_every_metric_and_none_other(exposed: dict[str, Metric]) -> None:
    described = [name for name, _ in documented()]
    assert len(described) == len(set(described))
    ours = {name for name in exposed if not name.startswith(("process_", "python_"))}
    if not log_can_be_followed():
        ours |= FROM_THE_LOG
    assert ours == set(described)


def test_the_document_names_the_labels(exposed: dict[str, Metric]) -> None:
    for name, labels in documented():
        for sample in exposed[name].samples if name in exposed else ():
            assert set(sample.labels) == labels, name


@pytest.mark.needs_root
def test_every_metric_of_the_alerts_and_the_rules_is_exposed(exposed: dict[str, Metric]) -> None:
    rules = [*rules_of(ALERTS), *rules_of(RULES)]
    named = set().union(*(metrics_in(rule["expr"]) for rule in rules))
    assert len(named) > 15
    assert named - set(exposed) == set()


def test_every_metric_of_the_runbook_is_exposed(exposed: dict[str, Metric]) -> None:
    assert set(re.findall(r"vfioguard_[a-z_]+", RUNBOOK.read_text())) <= set(exposed)


@pytest.mark.needs_root
def test_every_metric_of_the_dashboard_is_exposed_or_recorded(exposed: dict[str, Metric]) -> None:
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    named = set().union(*map(metrics_in, asked))
    recorded = {rule["record"] for rule in rules_of(RULES)}
    assert named & recorded
    assert named - set(exposed) - recorded == set()


def test_every_recorded_series_is_shown() -> None:
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    recorded = {rule["record"] for rule in rules_of(RULES)}
    assert recorded - set().union(*map(metrics_in, asked)) == _NOT_SHOWN


#: For capacity planning and for sites that alert on sums; the dashboard has enough panels.
_NOT_SHOWN = {
    "job:vfioguard_devices_without_group:sum",
    "job:vfioguard_groups_exposed:sum",
    "job_backend_outcome:vfioguard_bound_groups:sum",
    "job_backend_outcome:vfioguard_groups:sum",
    "job_backend_policy:vfioguard_hosts:count",
    "job_kernel:vfioguard_hosts:count",
}


def test_a_device_costs_at_most_five_series(tmp_path: Path) -> None:
    few, many = (
        sum(
            len(family.samples)
            for family in text_string_to_metric_families(
                scrape(write(tmp_path / str(n), x86_host(n, remapping=False, iommufd=False)))
            )
        )
        for n in (16, 216)
    )
    assert 0 < (many - few) / 200 <= 5
