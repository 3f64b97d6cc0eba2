"""/v1/check: the gate of scripts, for one target and for several that a guest gets together."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise

import pytest
from jsonschema import Draft202012Validator

from tests.serve.document import document, holds, schema_of
from tests.serve.serving import Client, latest_of, problem, scan_of, served
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.places import Places
from vfioguard.target import identity_of

NIC, OTHER, ALONE = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0"
PAIR = x86_host({1: [Function(NIC), Function(OTHER, driver="igb")], 2: [Function(ALONE)]})
REFUSED = x86_host(2, remapping=False)
BY_OVERRIDE = x86_host(2, remapping=False, override=True)


def query(*targets: str, more: str = "") -> str:
    return "/v1/check?" + "&".join(f"target={target}" for target in targets) + more


def test_targets_are_judged_together() -> None:
    client = served(PAIR)
    alone = problem(client.get(f"/v1/check/{NIC}"))
    assert (alone["status"], alone["errno"], alone["call"]) == (
        409, "EPERM", "VFIO_GROUP_SET_CONTAINER",
    )  # fmt: skip
    assert f"{OTHER} is on igb" in alone["reason"]
    both = client.json(query(NIC, OTHER))
    assert [each["answer"] for each in both["targets"]] == ["yes", "yes"]
    assert [each["bind_first"] for each in both["targets"]] == [[NIC], [OTHER]]
    assert problem(client.get(query(NIC, OTHER, more="&now=1")))["status"] == 409
    holds(schema_of("/v1/check"), both)


@pytest.mark.parametrize(
    ("host", "targets", "more", "status"),
    [
        (PAIR, [ALONE], "", 200),
        (PAIR, [ALONE, "group:1"], "", 200),
        (PAIR, [ALONE, "group:9"], "", 404),
        (PAIR, ["group:9", NIC], "", 409),
        (PAIR, [NIC, "group:9"], "", 409),
        (BY_OVERRIDE, ["group:0", "group:1"], "", 200),
        (BY_OVERRIDE, ["group:0", "group:9"], "", 404),
        (BY_OVERRIDE, ["group:9", "group:0"], "&strict=1", 409),
        (REFUSED, ["group:9", "group:0"], "", 409),
    ],
)
def test_the_status_is_409_over_404_over_200(
    host: dict[str, object], targets: list[str], more: str, status: int
) -> None:
    response = served(host).get(query(*targets, more=more))
    assert response.status_code == status
    body = response.json() if status == 200 else problem(response)
    assert len(body["targets"]) == len(targets)
    if status != 200:
        holds(schema_of("/v1/check", status), body)


def test_unknown_is_503_under_404() -> None:
    host = dict(x86_host(2, override=None))
    del host["/proc/sys/kernel/osrelease"]
    client = served(host)
    statuses = [
        client.get(query(*targets)).status_code
        for targets in (("group:0",), ("group:0", "group:9"), ("group:9",))
    ]
    assert statuses in ([503, 404, 404], [200, 404, 404])


def test_what_is_not_ready_says_when_to_ask_again() -> None:
    client = Client(latest_of())
    for path in (query("group:0"), "/v1/check/group:0"):
        response = client.get(path)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        ("8086:10d3", 200),
        ("0x8086:10D3", 200),
        ("8086:1533", 409),
        ("8086:1533&expect=8086:10d3", 200),
    ],
)
def test_another_device_than_is_expected_is_no(expect: str, status: int) -> None:
    client = served(PAIR)
    for path in (f"/v1/check/{ALONE}?", query(ALONE, more="&")):
        response = client.get(f"{path}expect={expect}")
        assert response.status_code == status
        if status != 200:
            assert f"{ALONE} is 8086:10d3, not 8086:1533" in problem(response)["detail"]


@pytest.mark.parametrize("expect", ["", "8086", "8086:10d3x", "eth0", "8086:10d3,8086:1533", "%00"])
def test_what_is_no_id_is_422(expect: str) -> None:
    refused = problem(served(PAIR).get(f"/v1/check/{ALONE}?expect={expect}"))
    assert refused["status"] == 422
    assert "is not VENDOR:DEVICE" in refused["detail"]


@pytest.mark.parametrize("path", ["/v1/check", "/v1/check/{target}"])
def test_the_document_says_what_an_id_is(path: str) -> None:
    parameters = document()["paths"][path]["get"]["parameters"]
    (schema,) = (known["schema"] for known in parameters if known["name"] == "expect")
    ids = Draft202012Validator(schema)
    for text in ("8086:10d3", "0x8086:0X10D3", "[8086:10d3]", "", "8086:10d3]", "8:1"):
        assert ids.is_valid([text]) is (identity_of(text) is not None), text


def test_a_policy_of_another_backend_is_422() -> None:
    path = f"/v1/check/{ALONE}?policy=iommufd_device_bind&backend=type1"
    refused = problem(served(PAIR).get(path))
    assert refused["status"] == 422
    assert refused["detail"].endswith("decides for iommufd, not for type1")


def test_an_id_is_one_target() -> None:
    body = served(PAIR).json("/v1/check/8086:10D3")
    assert (body["target"], body["groups"]) == ("8086:10d3", [1, 2])
    assert body["devices"] == [NIC, OTHER, ALONE]


def test_an_interface_is_for_the_command() -> None:
    assert "`vfioguard check`" in problem(served(PAIR).get("/v1/check/eth0"))["detail"]


@pytest.mark.parametrize(
    "target",
    ["", "%20", "%00", "%1b[2J", "%0d%0aX:y", "group:0x", f"{NIC}%20x", "8086:10d3x", "eth0%2f..",
     "/dev/vfio/devices/vfio9", "/sys/", "%ff", "9" * 60_000],
)  # fmt: skip
def test_a_target_that_is_none_is_one_short_line(target: str) -> None:
    missing = problem(served(PAIR).get(query(target)))
    assert missing["status"] == 404
    assert len(missing["detail"]) < 400
    assert missing["detail"].isprintable()


def test_more_targets_than_a_request_may_have_are_422() -> None:
    client = served(PAIR)
    assert len(client.json(query(*["group:2"] * 4096))["targets"]) == 4096
    assert problem(client.get(query(*["group:2"] * 4097)))["status"] == 422


def test_the_detail_is_the_line_of_the_first_target_that_decides() -> None:
    detail = problem(served(PAIR).get(query(ALONE, "group:9", NIC)))["detail"]
    assert detail.startswith(f"no {NIC} group:1: ")
    detail = problem(served(REFUSED).get(query("group:9", "group:0", "group:1")))["detail"]
    assert detail.startswith("no group:0: ")
    assert detail.endswith(" (and 1 more)")


class Once(dict[str, object]):
    """A table that counts how often all of it is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        type(self).looks += 1
        return super().__iter__()


def test_no_request_looks_at_all_devices() -> None:
    """Before the first request, the thread that made the view has made all tables."""
    latest = latest_of(scan_of(PAIR))
    assert latest.view is not None
    places = latest.view.targets.places
    tables = ("group_of", "ungrouped", "with_id", "nodes", "ordered", "domains", "ids")
    assert set(tables) <= set(vars(places))
    for name in ("group_of", "ungrouped", "with_id", "nodes"):
        vars(places)[name] = Once(vars(places)[name])
    client = Client(latest)
    Once.looks = 0
    for target in (NIC, "01:00.0", "8086:10d3", "group:1", "group:9", "09:00.0", "eth0", "8086:1"):
        client.get(query(target))
    assert Once.looks == 0


def test_a_device_that_changes_its_driver_keeps_the_tables_of_all_others() -> None:
    scans = [
        scan_of(PAIR),
        scan_of(x86_host({1: [Function(NIC), Function(OTHER)], 2: [Function(ALONE)]})),
    ]
    latest = latest_of(scans[0])
    seen: list[Places] = []
    for scan in scans:
        latest.publish(scan, latest.render(scan.report))
        assert latest.view is not None
        seen.append(latest.view.targets.places)
    for one, other in pairwise(seen):
        assert one.with_id is other.with_id
        assert one.ordered is other.ordered


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        (PAIR, f"/v1/check/{ALONE}", 0),
        (PAIR, query(NIC, OTHER), 0),
        (PAIR, "/v1/check/group:1?now=1&strict=1", 22),
        (BY_OVERRIDE, "/v1/check/group:0", 0),
        (BY_OVERRIDE, "/v1/check/group:0?strict=1", 22),
    ],
)
def test_curl_fails_where_the_attach_does(host: dict[str, object], path: str, status: int) -> None:
    """The three ways that docs/http.md shows, over a socket."""
    assert shutil.which("curl"), "apt install curl"
    response = served(host).get(path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = (
            f"HTTP/1.1 {response.status_code} -\r\nContent-Length: {len(response.content)}\r\n\r\n"
        )
        writer.write(head.encode() + response.content)
        await writer.drain()
        writer.close()

    async def run() -> tuple[int, bytes]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--fail-with-body", f"http://127.0.0.1:{port}{path}",
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        printed, _ = await process.communicate()
        server.close()
        return process.returncode or 0, printed

    code, printed = asyncio.run(run())
    assert (code, printed) == (status, response.content)
