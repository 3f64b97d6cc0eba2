"""/openapi.json describes what is served: every body against the model of its route."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.serve.serving import Client, latest_of, problem, served
from tests.support.hosts import x86_host
from vfioguard.judging.policies import policy_names
from vfioguard.serve.host.reader import HostReader
from vfioguard.serve.http import schema
from vfioguard.verdict import Outcome

HOSTS = sorted((Path(__file__).parent.parent / "fixtures" / "sysfs").iterdir())


def holds(model: type[BaseModel], body: bytes) -> None:
    """The body is one of the model, and the model knows every member of it."""
    parsed = model.model_validate_json(body)
    shown = parsed.model_dump_json(by_alias=True, exclude_unset=True)
    again = model.model_validate_json(body, extra="forbid")
    assert again.model_dump_json(by_alias=True, exclude_unset=True) == shown


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_every_answer_is_what_the_schema_says(host: Path) -> None:
    scan = HostReader(str(max(host.glob("*.tar.xz"))), None).read()
    client = Client(latest_of(scan))
    holds(schema.Report, client.get("/v1/report").content)
    holds(schema.Firmware, client.get("/v1/firmware").content)
    holds(schema.GroupList, client.get("/v1/groups").content)
    for group in scan.report.groups[:3]:
        holds(schema.OneGroup, client.get(f"/v1/groups/{group.id}").content)
        answer = client.get(f"/v1/check/group:{group.id}")
        if answer.status_code == 200:
            holds(schema.Check, answer.content)
        else:
            assert set(schema.Check.model_fields) <= set(problem(answer))
        for device in group.devices[:1]:
            holds(schema.OneDevice, client.get(f"/v1/devices/{device.name}").content)
    for device in scan.report.ungrouped[:1]:
        holds(schema.OneDevice, client.get(f"/v1/devices/{device.name}").content)


def test_the_document_has_every_route_with_its_errors() -> None:
    document = served(x86_host()).json("/openapi.json")
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/",
        "/-/healthy",
        "/-/ready",
        "/metrics",
        "/v1/check/{target}",
        "/v1/devices/{bdf}",
        "/v1/events",
        "/v1/firmware",
        "/v1/groups",
        "/v1/groups/{id}",
        "/v1/report",
    }
    gate = document["paths"]["/v1/check/{target}"]["get"]
    assert set(gate["responses"]) == {"200", "404", "409", "422", "503"}
    for status in ("404", "409", "422", "503"):
        assert set(gate["responses"][status]["content"]) == {"application/problem+json"}
    assert set(gate["responses"]["200"]["content"]) == {"application/json", "text/plain"}


def test_the_document_names_the_closed_sets() -> None:
    document = served(x86_host()).json("/openapi.json")
    groups = document["paths"]["/v1/groups"]["get"]["parameters"]
    policy = next(parameter for parameter in groups if parameter["name"] == "policy")
    assert tuple(policy["schema"]["enum"]) == policy_names()
    assert document["components"]["schemas"]["Outcome"]["enum"] == list(Outcome)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    client = served(x86_host())
    document, text = client.json("/openapi.json"), client.get("/openapi.json").text
    found = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert found == set(document["components"]["schemas"])
