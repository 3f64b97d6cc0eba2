"""The routes of docs/http.md, one behaviour at a time."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serve.serving import Client, latest_of, problem, scan_of, served
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.output import Style
from vfioguard.output.json import OUTPUT as JSON
from vfioguard.report import Choice
from vfioguard.root.memory import Link, Refused
from vfioguard.verdict import Outcome

REFUSED = x86_host(3, remapping=False)
BY_OVERRIDE = x86_host(3, remapping=False, override=True)
ALLOWED = x86_host(3)
UNKNOWN = arm_host({0: [Function("0000:01:00.0", None)]}, msis=False)
#: One group of each kind that an x86 host can have at once under one kernel.
MIXED = x86_host(
    {0: [Function("0000:01:00.0", "IR-PCI-MSIX")], 1: [Function("0000:02:00.0", "PCI-MSI")]}
)

ROUTES = (
    "/v1/report",
    "/v1/groups",
    "/v1/groups/0",
    "/v1/devices/0000:01:00.0",
    "/v1/check/0000:01:00.0",
    "/metrics",
    "/-/healthy",
    "/-/ready",
    "/",
    "/openapi.json",
)


def test_the_report_is_that_of_the_command_line() -> None:
    scan = scan_of(REFUSED)
    response = Client(latest_of(scan)).get("/v1/report")
    assert response.headers["content-type"] == "application/json"
    assert response.text == JSON.render(scan.report, Style())


def test_a_client_that_has_the_report_is_told_so() -> None:
    client = served(REFUSED)
    tag = client.get("/v1/report").headers["etag"]
    assert tag == '"n-1"'
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = client.get("/v1/report", if_none_match=known)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
    assert client.get("/v1/report", if_none_match='"n-2"').status_code == 200


def test_a_tag_names_one_representation() -> None:
    client = served(REFUSED)
    tags = [
        client.get("/v1/report").headers["etag"],
        client.get("/v1/report", accept_encoding="gzip").headers["etag"],
        client.get("/v1/report", accept="text/plain").headers["etag"],
        client.get("/v1/groups", accept="text/plain").headers["etag"],
        client.get("/v1/report?policy=iommu_capable").headers["etag"],
    ]
    assert len({*tags[:3], tags[4]}) == 4
    assert tags[3] != client.get("/v1/groups").headers["etag"]


def test_the_report_comes_compressed_where_that_is_wanted() -> None:
    client = served(REFUSED)
    packed = client.get("/v1/report", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == client.get("/v1/report").content
    refused = client.get("/v1/report", accept_encoding="gzip;q=0")
    assert "content-encoding" not in refused.headers


def test_the_report_has_the_forms_of_the_command_line() -> None:
    response = served(REFUSED).get("/v1/report", accept="text/plain")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.startswith("3 refused of 3 IOMMU groups\n")


def test_groups_are_filtered_by_any_of_the_outcomes() -> None:
    client = served(MIXED)
    everything = client.json("/v1/report")["groups"]
    for outcomes in (["refused"], ["allowed"], ["unknown"], ["refused", "allowed"], []):
        query = "&".join(f"outcome={outcome}" for outcome in outcomes)
        found = client.json(f"/v1/groups?{query}")
        assert found["schema_version"] == 1
        assert found["groups"] == [
            group for group in everything if not outcomes or group["outcome"] in outcomes
        ]


def test_groups_as_text_are_one_line_each() -> None:
    response = served(REFUSED).get("/v1/groups?outcome=refused", accept="text/plain")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    lines = response.text.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["refused", f"group:{n}", f"0000:0{n + 1}:00.0"] for n in range(3)
    ]


def test_one_group_comes_with_its_proof() -> None:
    client = served(REFUSED)
    group = client.json("/v1/groups/2")
    assert group.pop("schema_version") == 1
    assert group.pop("generated_at") == "2026-11-22T18:00:00Z"
    assert (group.pop("stale"), group.pop("read_at")) == (None, None)
    assert [cause["name"] for cause in group.pop("why")] == group["causes"]
    assert group.pop("facts") is None, "nobody describes the devices of this host"
    assert group == client.json("/v1/report")["groups"][2]
    assert group["backends"]["type1"]["because"]["truth"] is False


@pytest.mark.parametrize("name", ["0000:02:00.0", "02:00.0", "0000:02:00.0".upper()])
def test_a_device_is_found_as_people_type_it(name: str) -> None:
    found = served(REFUSED).json(f"/v1/devices/{name}")
    assert found["device"]["name"] == "0000:02:00.0"
    assert (found["outcome"], found["needs_override"]) == ("refused", True)
    assert found["group"]["id"] == 1


def test_a_device_without_a_group_has_no_verdict() -> None:
    host = x86_host(1)
    host["/sys/bus/pci/devices/0000:07:00.0"] = Link("../../../devices/pci0000:07/0000:07:00.0")
    host["/sys/devices/pci0000:07/0000:07:00.0/uevent"] = b"PCI_CLASS=20000\nPCI_ID=8086:10D3\n"
    client = served(host)
    found = client.json("/v1/devices/07:00.0")
    assert (found["outcome"], found["group"]) == ("unknown", None)
    body = problem(client.get("/v1/check/07:00.0"))
    assert (body["status"], body["answer"], body["outcome"]) == (409, "no", "unknown")
    assert (body["errno"], body["call"], body["groups"]) == ("EINVAL", "bind", [])
    assert "in no IOMMU group" in body["detail"]


@pytest.mark.parametrize(
    ("host", "query", "status", "answer", "level"),
    [
        (ALLOWED, "", 200, "yes", "Info"),
        (ALLOWED, "?strict=1", 200, "yes", "Info"),
        (BY_OVERRIDE, "", 200, "yes-by-override", "Warning"),
        (BY_OVERRIDE, "?strict=0", 200, "yes-by-override", "Warning"),
        (BY_OVERRIDE, "?strict=1", 409, "yes-by-override", "Warning"),
        (REFUSED, "", 409, "no", "Error"),
        (UNKNOWN, "", 503, "unknown", "Error"),
        (UNKNOWN, "?strict=1", 503, "unknown", "Error"),
    ],
)
@pytest.mark.parametrize("target", ["0000:01:00.0", "01:00.0", "group:0"])
def test_the_gate_answers_by_status_and_body(
    host: dict[str, object], query: str, status: int, answer: str, level: str, target: str
) -> None:
    response = served(host).get(f"/v1/check/{target}{query}")
    assert response.status_code == status
    body = response.json() if status == 200 else problem(response)
    assert (body["answer"], body["level"], body["group"]) == (answer, level, 0)
    assert body["target"] == ("group:0" if target == "group:0" else "0000:01:00.0")


def test_the_lines_of_groups_say_which_can_be_attached() -> None:
    client = served(x86_host({1: [Function("0000:01:00.0")], 2: ["PNP0A08:00"]}))
    lines = client.get("/v1/groups", accept="text/plain").text.splitlines()
    attachable = [group["attachable"] for group in client.get("/v1/groups").json()["groups"]]
    assert ["; not attachable" not in line for line in lines] == attachable
    assert len(set(attachable)) == 2


def test_the_gate_says_in_a_line_what_the_command_says() -> None:
    response = served(BY_OVERRIDE).get("/v1/check/group:0", accept="text/plain")
    assert response.text.startswith("yes-by-override group:0: only the override lets it pass: ")
    assert response.text.count("\n") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/check/09:00.0",
        "/v1/check/group:9",
        "/v1/check/group:00",
        "/v1/check/0",
        "/v1/devices/nothing",
        "/v1/devices/group:0",
        "/v1/groups/9",
        "/v1/groups/x",
        "/v1/groups/0/",
        "/v1/capture",
        "/docs",
        "/redoc",
        "/nowhere",
    ],
)
def test_what_does_not_exist_is_not_found(path: str) -> None:
    assert problem(served(REFUSED).get(path))["status"] == 404


def test_an_unknown_target_is_told_which_exist() -> None:
    client = served(REFUSED)
    assert "0000:01:00.0, 0000:02:00.0" in problem(client.get("/v1/check/77:00.0"))["detail"]
    assert "did you mean 0000:01:00.0?" in problem(client.get("/v1/check/1:00.0"))["detail"]
    assert "group:0, group:1" in problem(client.get("/v1/groups/77"))["detail"]


def test_where_groups_cannot_be_read_none_is_said_not_to_exist() -> None:
    host = x86_host(2)
    host["/sys/kernel/iommu_groups"] = Refused(errno.EACCES)
    client = served(host)
    for path in ("/v1/check/group:0", "/v1/groups/0", "/v1/check/99:00.0"):
        body = problem(client.get(path))
        assert body["status"] == 503
        assert "EACCES" in body["detail"]


@pytest.mark.parametrize(
    "query", ["policy=nothing", "policy=", "outcome=bad", "outcome=refused&outcome=Refused"]
)
def test_a_word_outside_of_its_closed_set_is_an_error(query: str) -> None:
    assert problem(served(REFUSED).get(f"/v1/groups?{query}"))["status"] == 422


def test_another_policy_judges_the_same_reading_once() -> None:
    scan = scan_of(ALLOWED)
    asked: list[str | None] = []

    def under(chosen: Choice, groups: object) -> object:
        asked.append(chosen.policy)
        return scan.under(chosen, groups)

    client = Client(latest_of(scan._replace(under=under)))
    for _ in range(3):
        report = client.json("/v1/report?policy=iommu_capable")
    assert asked == ["iommu_capable"]
    assert report["host"]["pinned_policy"] == "iommu_capable"
    assert {group["policy"] for group in report["groups"]} == {"iommu_capable"}
    checked = client.get("/v1/check/group:0?policy=iommu_capable").json()
    assert checked["policy"] == "iommu_capable"


def test_a_report_that_goes_out_in_pieces_arrives_whole() -> None:
    scan = scan_of(x86_host(300, remapping=False))
    response = Client(latest_of(scan)).get("/v1/report")
    assert len(response.content) > 2 * 256 * 1024
    assert response.text == JSON.render(scan.report, Style())
    assert int(response.headers["content-length"]) == len(response.content)


def test_a_bug_is_a_problem_too_and_tells_nothing_of_the_inside() -> None:
    def under(chosen: Choice, groups: object) -> object:
        raise ZeroDivisionError("secret")

    latest = latest_of(scan_of(ALLOWED)._replace(under=under))
    response = Client(latest, raising=False).get("/v1/report?policy=iommu_capable")
    assert problem(response)["status"] == 500
    assert "secret" not in response.text


def test_before_the_first_reading_only_the_process_answers() -> None:
    client = Client(latest_of())
    for path in ROUTES:
        response = client.get(path)
        if path in {"/metrics", "/-/healthy", "/openapi.json"}:
            assert response.status_code == 200
        else:
            assert problem(response)["detail"] == "the host has not been read yet"
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"


def test_a_failed_reading_closes_the_gate_and_keeps_the_report() -> None:
    latest = latest_of(scan_of(ALLOWED))
    client = Client(latest)
    latest.fail("OSError: gone")
    gate = client.get("/v1/check/group:0")
    assert (problem(gate)["status"], gate.headers["retry-after"]) == (503, "1")
    assert "OSError: gone" in problem(client.get("/-/ready"))["detail"]
    assert client.get("/v1/report").status_code == 200
    assert client.get("/-/healthy").text == "healthy\n"


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_answers_head_and_no_other_method(path: str) -> None:
    client = served(ALLOWED)
    assert client.request("HEAD", path).status_code == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        response = client.request(method, path)
        assert problem(response)["status"] == 405
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ROUTES)
def test_no_other_site_is_let_in(path: str) -> None:
    response = served(ALLOWED).get(path, origin="https://evil.example")
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost:18346", 200),
        ("127.0.0.1", 200),
        ("127.8.9.1:80", 200),
        ("[::1]:18346", 200),
        ("evil.example", 400),
        ("localhost.evil.example:18346", 400),
        ("127.0.0.1.evil.example", 400),
        ("192.0.2.1", 400),
        ("[2001:db8::1]:80", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_a_host_header_of_another_host_is_refused(host: str, status: int) -> None:
    response = served(ALLOWED).get("/v1/report", host=host)
    assert response.status_code == status
    if status == 400:
        assert "127.0.0.1" in problem(response)["detail"]


def test_the_page_escapes_what_the_host_says_and_loads_nothing() -> None:
    evil = Function("0000:01:00.0", "PCI-MSIX", driver="<script>alert(1)</script>")
    response = served(x86_host({0: [evil]}, remapping=False)).get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.text.count("<script") == 1
    assert "&lt;script&gt;" in response.text
    assert "http:" not in response.text
    assert "https:" not in response.text


def test_the_page_of_a_host_without_groups_says_so() -> None:
    assert "No IOMMU group" in served({}).get("/").text


ODD = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[0-9a-f]{0,9}:?[0-9a-f]{1,4}:[0-9a-f]{2}\.[0-9a-f]", fullmatch=True),
    st.from_regex(r"group:-?[0-9_ ]{0,30}", fullmatch=True),
)
HEADER = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
CLIENT = served(MIXED)


@given(ODD, ODD, ODD, HEADER, HEADER)
def test_nothing_that_is_asked_is_a_bug(
    name: str, policy: str, outcome: str, accept: str, known: str
) -> None:
    for path in (
        f"/v1/check/{quote(name)}",
        f"/v1/devices/{quote(name)}",
        f"/v1/groups/{quote(name)}",
    ):
        response = CLIENT.get(f"{path}?strict={quote(outcome)}&policy={quote(policy)}")
        assert problem(response)["status"] in {404, 422}
        response = CLIENT.get(path, accept=accept, if_none_match=known, accept_encoding=accept)
        assert response.status_code in {200, 304, 404, 409}
    for path in ("/v1/report", "/v1/groups", "/metrics"):
        response = CLIENT.get(path, accept=accept, if_none_match=known, accept_encoding=accept)
        assert response.status_code in {200, 304}
    response = CLIENT.get(f"/v1/groups?outcome={quote(outcome)}")
    assert response.status_code == (200 if outcome in set(Outcome) else 422)


def quote(text: str) -> str:
    """Percent-encode everything, surrogates included."""
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in raw)


def test_json_is_ascii_whatever_the_host_calls_its_devices() -> None:
    host = arm_host({0: [Function("caf\udce9\N{SNOWMAN}", None, bus="platform")]}, msis=False)
    client = served(host)
    for path in ("/v1/report", "/v1/groups/0"):
        assert client.get(path).content.isascii()
    name = client.json("/v1/report")["groups"][0]["devices"][0]["name"]
    assert client.get(f"/v1/devices/{quote(name)}").status_code == 200


@pytest.mark.parametrize("target", ["group:0", "group%200"])
def test_a_group_is_no_device_however_it_is_spelled(target: str) -> None:
    response = served(ALLOWED).get(f"/v1/devices/{target}")
    assert response.status_code == 404
    assert "a group is at /v1/groups" in problem(response)["detail"]


def test_the_gate_takes_an_address_without_its_domain_or_in_capitals() -> None:
    client = served(ALLOWED)
    (device,) = client.json("/v1/groups/0")["devices"][:1]
    short = device["name"].removeprefix("0000:").upper()
    assert client.json(f"/v1/check/{short}")["target"] == device["name"]
