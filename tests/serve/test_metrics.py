"""/metrics as Prometheus scrapes it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from tests.serve.serving import Client, latest_of, scan_of, served
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.report import GroupReport, Holder
from vfioguard.serve.connection.connections import Connections, Limits, Pool
from vfioguard.serve.counts import of_connections

HOST = x86_host(3, remapping=False)
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
#: What Prometheus 2.42 and 3.5 send.
OLD_SCRAPER = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NEW_SCRAPER = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def values(families: Any) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.mark.parametrize("accept", [OLD_SCRAPER, NEW_SCRAPER])
def test_a_scraper_gets_openmetrics(accept: str) -> None:
    response = served(HOST).get("/metrics", accept=accept)
    assert response.headers["content-type"] == OPENMETRICS
    found = values(openmetrics_parser.text_string_to_metric_families(response.text))
    assert found["vfioguard_build_info"][0][1] == 1
    assert len(found["vfioguard_group_needs_override"]) == 3


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html, */*;q=0.8", "odd;;q=x,"])
def test_everybody_else_gets_the_text_format(accept: str) -> None:
    response = served(HOST).get("/metrics", accept=accept)
    assert response.headers["content-type"] == TEXT
    found = values(text_string_to_metric_families(response.text))
    assert len(found["vfioguard_group_needs_override"]) == 3
    assert {value for _, value in found["vfioguard_dropped_series"]} == {0}


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_a_compressed_scrape_is_one_gzip_member_and_not_of_yesterday(accept: str) -> None:
    client = served(HOST)
    for number in range(1, 4):
        client.get("/v1/report")
        response = client.get("/metrics", accept=accept, accept_encoding="gzip")
        assert response.headers["content-encoding"] == "gzip"
        assert f'{{code="200",handler="/v1/report"}} {number}.0\n' in response.text
        assert response.text.endswith("# EOF\n") is (accept != "text/plain")


def test_the_daemon_tells_when_it_read_the_host() -> None:
    latest = latest_of(scan_of(HOST))
    latest.fail("gone")
    found = values(text_string_to_metric_families(Client(latest).get("/metrics").text))
    assert found["vfioguard_snapshot_timestamp_seconds"] == [({}, 1795370400.0)]
    assert found["vfioguard_snapshot_duration_seconds"] == [({}, 0.25)]
    assert found["vfioguard_snapshot_interval_seconds"] == [({}, 10)]
    assert found["vfioguard_snapshot_failures_total"] == [({}, 1)]
    assert found["vfioguard_ready"] == [({}, 0)]
    assert "process_cpu_seconds_total" in found


def test_promtool_has_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    result = subprocess.run(
        [promtool, "check", "metrics"],
        input=served(HOST).get("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_groups_are_counted_once_for_each_format_and_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    class Groups(tuple[GroupReport, ...]):
        """Notes which thread goes through them."""

        __slots__ = ()

        def __iter__(self) -> Iterator[GroupReport]:
            threads.append(threading.current_thread())
            return super().__iter__()

    scan = scan_of(HOST)
    report = scan.report._replace(groups=Groups(scan.report.groups))
    client = Client(latest_of(scan._replace(report=report)))
    threads.clear()
    for accept in ("text/plain", "application/openmetrics-text"):
        before = len(threads)
        client.get("/metrics", accept=accept)
        counted = len(threads)
        client.get("/metrics", accept=accept)
        assert before < counted == len(threads)
    assert threading.current_thread() not in threads


def test_the_groups_of_a_scrape_are_never_older_than_its_time() -> None:
    class Groups(tuple[GroupReport, ...]):
        """The host is read again while a thread counts these."""

        __slots__ = ()

        def __iter__(self) -> Iterator[GroupReport]:
            if threading.current_thread() is not threading.main_thread():
                latest.publish(later, latest.render(later.report))
            return super().__iter__()

    scan, later = scan_of(HOST), scan_of(x86_host(3))._replace(taken_at=1795370499.0)
    report = scan.report._replace(groups=Groups(scan.report.groups))
    latest = latest_of(scan._replace(report=report))
    found = values(text_string_to_metric_families(Client(latest).get("/metrics").text))
    assert latest.scan is later
    assert sum(
        value for labels, value in found["vfioguard_groups"] if labels["outcome"] == "refused"
    )
    assert found["vfioguard_snapshot_timestamp_seconds"] == [({}, scan.taken_at)]


@pytest.mark.parametrize(
    ("holders", "refused"), [((Holder(4711, "qemu", ""),), [1.0]), ((), [0.0]), (None, [])]
)
def test_what_a_process_holds_is_counted_where_processes_can_be_seen(
    holders: tuple[Holder, ...] | None, refused: list[float]
) -> None:
    groups = {1: [Function("0000:01:00.0", "PCI-MSIX", driver="vfio-pci")], 2: ["0000:02:00.0"]}
    scan = scan_of(x86_host(groups, remapping=False))
    first, second = scan.report.groups
    report = scan.report._replace(groups=(first._replace(holders=holders), second))
    client = Client(latest_of(scan._replace(report=report)))
    found = values(text_string_to_metric_families(client.get("/metrics").text))
    held = {labels["outcome"]: value for labels, value in found.get("vfioguard_held_groups", [])}
    assert [value for outcome, value in held.items() if outcome == "refused"] == refused
    assert sum(held.values()) == sum(refused)


def test_before_the_first_reading_there_is_no_count_of_groups() -> None:
    found = values(text_string_to_metric_families(Client(latest_of()).get("/metrics").text))
    assert found["vfioguard_ready"] == [({}, 0)]
    assert not {"vfioguard_groups", "vfioguard_snapshot_timestamp_seconds"} & set(found)


def test_requests_are_counted_by_route_and_never_by_path() -> None:
    client = served(HOST)
    for name in range(20):
        client.get(f"/v1/check/group:{name}")
        client.get(f"/{name}")
    client.get("/v1/report", host="evil.example")
    found = values(text_string_to_metric_families(client.get("/metrics").text))
    counted = {
        (labels["handler"], labels["code"]): value
        for labels, value in found["vfioguard_http_requests_total"]
    }
    assert counted == {
        ("/v1/check/{target}", "409"): 3,
        ("/v1/check/{target}", "404"): 17,
        ("other", "404"): 20,
        ("other", "400"): 1,
    }


def test_closed_connections_are_counted_by_listener_and_reason() -> None:
    latest = latest_of(scan_of(HOST))
    connections = Connections(Limits(tcp=0, unix=1))
    client = Client(latest, counted=(partial(of_connections, connections),))
    connections.admit(Pool.TCP)
    connections.dropped[Pool.UNIX_STREAM, "slow"] += 2
    found = values(text_string_to_metric_families(client.get("/metrics").text))
    series = found["vfioguard_http_connections_dropped_total"]
    assert len(series) == 10
    assert [(labels, value) for labels, value in series if value] == [
        ({"listener": "tcp", "reason": "full"}, 1),
        ({"listener": "unix", "reason": "slow"}, 2),
    ]
