"""/v1/firmware: the tables as the daemon read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.serving import Client, latest_of, problem, served
from tests.support.hosts import x86_host
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.serve.host.reader import HostReader

HOSTS = Path(__file__).parent.parent / "fixtures" / "sysfs"


def capture(host: str) -> str:
    return str(HOSTS / host / "as-booted.tar.xz")


@pytest.mark.parametrize("host", ["6.12-amd64--vtd-noir", "6.12-arm64--its-smmu-acpi"])
def test_it_is_what_the_command_prints(host: str) -> None:
    client = Client(latest_of(HostReader(capture(host), NOTHING_CHOSEN).read()))
    command = [sys.executable, "-m", "vfioguard", "firmware", "--output", "json"]
    printed = subprocess.run([*command, "--root", capture(host)], capture_output=True, check=True)
    assert client.get("/v1/firmware").content == printed.stdout


def test_it_says_why_remapping_is_off() -> None:
    body = Client(
        latest_of(HostReader(capture("6.12-amd64--vtd-noir"), NOTHING_CHOSEN).read())
    ).json("/v1/firmware")
    assert body["interrupt_remapping"]["possible"] is False
    assert "INTR_REMAP" in body["sentence"]
    dmar = next(table for table in body["tables"] if table["signature"] == "DMAR")
    assert dmar["state"] == "present"
    assert dmar["table"]["units"][0]["kind"] == "Drhd"


def test_it_is_rendered_once_for_the_same_tables() -> None:
    reader = HostReader(capture("6.12-amd64--vtd-ir"), NOTHING_CHOSEN)
    first, second = reader.read().firmware, reader.read().firmware
    assert first is not None
    assert second is not None
    assert first() is second()


def test_a_client_that_has_it_gets_a_304() -> None:
    client = Client(latest_of(HostReader(capture("6.12-amd64--vtd-ir"), NOTHING_CHOSEN).read()))
    tag = client.get("/v1/firmware").headers["etag"]
    assert client.get("/v1/firmware", if_none_match=tag).status_code == 304


def test_before_the_first_reading_it_is_not_known() -> None:
    response = Client(latest_of()).get("/v1/firmware")
    assert response.status_code == 503
    assert "not been read" in problem(response)["detail"]


def test_where_the_daemon_has_no_tables_it_is_not_known() -> None:
    assert served(x86_host()).get("/v1/firmware").status_code == 503


def test_head_answers_without_a_body() -> None:
    client = Client(latest_of(HostReader(capture("6.12-amd64--vtd-ir"), NOTHING_CHOSEN).read()))
    response = client.request("HEAD", "/v1/firmware")
    assert response.status_code == 200
    assert json.loads(client.get("/v1/firmware").content)["schema_version"] == 1
