"""/openapi.json describes what is served: every body against the schema of its route."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.serve.document import document, holds, schema_of
from tests.serve.serving import Client, latest_of, problem, scan_of, served
from tests.support.hosts import x86_host
from vfioguard.judging.policies import policy_names
from vfioguard.report import NOTHING_CHOSEN
from vfioguard.serve.host.reader import HostReader
from vfioguard.verdict import Outcome

HOSTS = sorted((Path(__file__).parent.parent / "fixtures" / "sysfs").iterdir())
#: Whoever is not let in, or asks too often, is told so before any route is asked.
BEFORE_EVERY_ROUTE = {"400", "401", "403", "429", "503"}


def answers_as_described(client: Client, route: str, path: str) -> None:
    response = client.get(path)
    if response.status_code == 200:
        holds(schema_of(route), response.json())
    else:
        holds(schema_of(route, response.status_code), problem(response))


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from parts(each)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_every_answer_is_what_the_schema_says(host: Path) -> None:
    scan = HostReader(str(max(host.glob("*.tar.xz"))), NOTHING_CHOSEN).read()
    client = Client(latest_of(scan))
    for path in ("/v1/report", "/v1/firmware", "/v1/groups"):
        holds(schema_of(path), client.json(path))
    for group in scan.report.groups[:3]:
        answers_as_described(client, "/v1/groups/{id}", f"/v1/groups/{group.id}")
        answers_as_described(client, "/v1/check/{target}", f"/v1/check/group:{group.id}")
        answers_as_described(client, "/v1/explain/{target}", f"/v1/explain/group:{group.id}")
        for device in group.devices[:1]:
            answers_as_described(client, "/v1/devices/{bdf}", f"/v1/devices/{device.name}")
    for device in scan.report.ungrouped[:1]:
        answers_as_described(client, "/v1/devices/{bdf}", f"/v1/devices/{device.name}")
        answers_as_described(client, "/v1/check/{target}", f"/v1/check/{device.name}")
        answers_as_described(client, "/v1/explain/{target}", f"/v1/explain/{device.name}")
    answers_as_described(client, "/v1/explain", "/v1/explain?text=vfio:+group+7+is+not+viable")


def test_a_member_that_is_not_described_is_seen() -> None:
    group = served(x86_host()).json("/v1/groups/0")
    holds(schema_of("/v1/groups/{id}"), group)
    group["devices"][0]["more"] = 1
    with pytest.raises(ValidationError, match="more"):
        holds(schema_of("/v1/groups/{id}"), group)


def test_the_refusal_of_the_gate_has_the_members_of_its_answer() -> None:
    client = served(x86_host(1, remapping=False))
    refused = problem(client.get("/v1/check/group:0"))
    holds({"$ref": "#/components/schemas/CheckProblem"}, refused)
    assert schema_of("/v1/check/{target}", 409) == {"$ref": "#/components/schemas/CheckProblem"}


def test_before_the_first_reading_the_gate_answers_with_a_mere_problem() -> None:
    response = Client(latest_of()).get("/v1/check/group:0")
    holds({"$ref": "#/components/schemas/Problem"}, problem(response))
    holds(schema_of("/v1/check/{target}", 503), response.json())


def test_the_document_has_every_route_with_its_errors() -> None:
    assert document()["openapi"].startswith("3.1")
    assert set(document()["paths"]) == {
        "/",
        "/-/healthy",
        "/-/ready",
        "/devices",
        "/devices/{bdf}",
        "/groups/{id}",
        "/metrics",
        "/v1/check",
        "/v1/check/{target}",
        "/v1/devices/{bdf}",
        "/v1/events",
        "/v1/explain",
        "/v1/explain/{target}",
        "/v1/firmware",
        "/v1/groups",
        "/v1/groups/{id}",
        "/v1/report",
        "/v1/schema.json",
        "/v1/what-if/{target}",
    }
    gate = document()["paths"]["/v1/check/{target}"]["get"]
    assert set(gate["responses"]) == {"200", "404", "409", "422"} | BEFORE_EVERY_ROUTE
    assert set(gate["responses"]["200"]["content"]) == {"application/json", "text/plain"}


def test_json_is_the_first_form_of_an_answer_and_every_form_has_a_schema() -> None:
    for path, item in document()["paths"].items():
        forms = item["get"]["responses"]["200"]["content"]
        assert all(form["schema"] for form in forms.values()), path
        if "application/json" in forms:
            assert next(iter(forms)) == "application/json", path


def test_of_several_shapes_the_first_that_a_client_can_read_is_the_right_one() -> None:
    shapes = document()["components"]["schemas"]
    unions = [part["anyOf"] for part in parts(document()) if "anyOf" in part]
    named = [
        [shapes[each["$ref"].rpartition("/")[2]] for each in union if "$ref" in each]
        for union in unions
    ]
    pairs = [
        (earlier, later)
        for union in named
        for number, earlier in enumerate(union)
        for later in union[number + 1 :]
        if "properties" in earlier and "properties" in later
    ]
    assert len(pairs) > 5
    for earlier, later in pairs:
        lacks = set(earlier["required"]) - set(later["properties"])
        assert lacks, f"a {later['title']} is read as a {earlier['title']}"


def test_the_page_about_http_has_every_route() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "http.md").read_text()
    table = re.findall(r"^\| `(/[^`]*)` \|", page, re.MULTILINE)
    assert {re.sub(r"\{.*?\}", "{}", route) for route in table} == {
        re.sub(r"\{.*?\}", "{}", route) for route in document()["paths"]
    }


def test_every_error_is_a_problem() -> None:
    for path, item in document()["paths"].items():
        assert set(item["get"]["responses"]) >= BEFORE_EVERY_ROUTE, path
        for status, response in item["get"]["responses"].items():
            if status[0] in "45":
                assert set(response["content"]) == {"application/problem+json"}, (path, status)


def test_a_route_has_304_if_its_answer_has_a_tag() -> None:
    client = served(x86_host(1))
    for path, item in document()["paths"].items():
        responses = item["get"]["responses"]
        asked = path.format(id="0", bdf="0000:01:00.0", target="group:0")
        asked += "?text=EPERM" if path == "/v1/explain" else ""
        if path in {"/v1/events", "/v1/firmware"}:  # one does not end, this host has no tables
            continue
        assert ("304" in responses) == ("etag" in client.get(asked).headers), path
        assert ("304" in responses) == ("ETag" in responses["200"].get("headers", {})), path


def test_who_asks_may_have_to_say_who_it_is() -> None:
    assert document()["components"]["securitySchemes"].keys() == {"password", "certificate"}
    assert document()["security"] == [{}, {"password": []}, {"certificate": []}]


def test_the_document_names_the_closed_sets() -> None:
    groups = document()["paths"]["/v1/groups"]["get"]["parameters"]
    policy = next(parameter for parameter in groups if parameter["name"] == "policy")
    assert tuple(policy["schema"]["enum"]) == policy_names()
    assert document()["components"]["schemas"]["Outcome"]["enum"] == list(Outcome)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = served(x86_host()).get("/openapi.json").text
    references = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert references == set(document()["components"]["schemas"])


def test_every_shape_and_every_field_is_described() -> None:
    for name, shape in document()["components"]["schemas"].items():
        assert shape.get("description"), name
        for field, schema in shape.get("properties", {}).items():
            assert schema.keys() & {"description", "$ref"}, f"{name}.{field}"


def test_the_stream_of_events_is_a_text_whose_data_are_changes() -> None:
    answer = document()["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]
    stream = answer["text/event-stream"]
    assert stream["schema"]["type"] == "string"
    assert stream["schema"]["contentSchema"] == {"$ref": "#/components/schemas/Change"}
    name, data, *rest = stream["example"].split("\n")
    change = json.loads(data.removeprefix("data: "))
    holds({"$ref": "#/components/schemas/Change"}, change)
    assert (name, rest) == (f"event: {change['kind']}", ["", ""])


def examples() -> Iterator[tuple[dict[str, Any], object]]:
    for item in document()["paths"].values():
        for response in item["get"]["responses"].values():
            for content in response.get("content", {}).values():
                if "example" in content:
                    yield content["schema"], content["example"]


def test_every_example_is_one_of_its_schema() -> None:
    found = list(examples())
    for schema, example in found:
        holds(schema, example)
    shown = {str(schema) for schema, _ in found}
    for path in ("/v1/report", "/v1/groups", "/v1/groups/{id}", "/v1/firmware"):
        assert str(schema_of(path)) in shown


def test_an_example_of_an_error_has_the_status_of_its_answer() -> None:
    for path, item in document()["paths"].items():
        for status, response in item["get"]["responses"].items():
            for media_type, content in response.get("content", {}).items():
                if media_type == "application/problem+json":
                    assert str(content["example"]["status"]) == status, path


def test_every_schema_is_one() -> None:
    for shape in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)


def test_it_is_made_for_the_first_who_asks_and_kept() -> None:
    client = Client(latest_of(scan_of(x86_host())))
    first, second = client.get("/openapi.json"), client.get("/openapi.json")
    assert first.content == second.content
