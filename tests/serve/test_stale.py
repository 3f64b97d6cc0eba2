"""An answer that may be behind the host says so in every form, without being rendered again."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from operator import is_
from xml.etree import ElementTree as ET

import pytest

from tests.serve.serving import Client, Clock, latest_of, problem, scan_of
from tests.support.hosts import x86_host
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.latest import Latest
from vfioguard.serve.answer.stale import Stale, marks
from vfioguard.serve.answer.view import View
from vfioguard.serve.doubt import Doubt, Reason
from vfioguard.serve.http.lookup import Form, Lookup

READ_AT = "2026-11-22T18:00:00Z"
SINCE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
WHY = "the host could not be read: /host: No such file or directory"
TAGGED = (
    "/v1/report",
    "/v1/report?policy=iommu_capable",
    "/v1/groups",
    "/v1/groups?outcome=allowed",
    "/v1/groups/1",
    "/v1/groups/1?policy=iommu_capable",
    "/v1/devices/0000:01:00.0",
)
LINES = (
    ("/v1/report", "text/plain"),
    ("/v1/groups", "text/plain"),
    ("/v1/groups?outcome=allowed", "text/plain"),
)


def failing(scan: str = READ_AT) -> Latest:
    latest = latest_of(scan_of(x86_host(3), when=scan))
    latest.fail("/host: No such file or directory")
    return latest


def test_a_fresh_answer_has_no_mark() -> None:
    client = Client(latest_of(scan_of(x86_host(3))))
    for path in TAGGED:
        response = client.get(path)
        assert (response.json()["stale"], response.json()["read_at"]) == (None, None), path
        assert "vfioguard-stale" not in response.headers
    assert client.json("/v1/check/group:1")["stale"] is None
    assert "alert" not in client.get("/").text.partition("</head>")[2]
    assert not client.get("/v1/groups", accept="text/plain").text.startswith("#")


def test_a_stale_picture_is_marked_and_still_a_picture() -> None:
    latest = latest_of(scan_of(x86_host(3)))
    fresh = Client(latest).get("/v1/report", accept="image/svg+xml").text
    latest.fail("/host--a: No such file or directory")
    stale = Client(latest).get("/v1/report", accept="image/svg+xml")
    mark, _, rest = stale.text.partition("\n")
    assert mark.startswith("<!-- stale since ")
    assert "/host- -a: No such file" in mark
    assert rest == fresh
    assert ET.fromstring(stale.text).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("path", TAGGED)
def test_json_says_why_and_since_when_and_is_otherwise_the_same(path: str) -> None:
    latest = latest_of(scan_of(x86_host(3)))
    fresh = Client(latest).get(path)
    latest.fail("/host: No such file or directory")
    stale = Client(latest).get(path)
    assert stale.status_code == 200
    assert stale.headers["etag"] != fresh.headers["etag"]
    told, expected = stale.json(), fresh.json()
    assert told["stale"]["why"] == WHY
    assert SINCE.fullmatch(told["stale"]["since"])
    assert told["read_at"] == "2026-11-22T18:00:00Z"
    assert told | {"stale": None, "read_at": None} == expected


@pytest.mark.parametrize("path", TAGGED)
def test_who_has_the_fresh_answer_is_not_told_that_nothing_changed(path: str) -> None:
    latest = latest_of(scan_of(x86_host(3)))
    client = Client(latest)
    fresh = client.get(path).headers["etag"]
    latest.fail("gone")
    marked = client.get(path, if_none_match=fresh)
    assert marked.status_code == 200
    again = client.get(path, if_none_match=marked.headers["etag"])
    assert (again.status_code, "vfioguard-stale" in again.headers) == (304, True)


def test_who_has_the_stale_answer_gets_the_fresh_one_once_the_host_is_read_again() -> None:
    scan = scan_of(x86_host(3))
    latest = latest_of(scan)
    latest.fail("gone")
    client = Client(latest)
    tag = client.get("/v1/report").headers["etag"]
    latest.publish(scan, latest.render(scan.report))
    response = client.get("/v1/report", if_none_match=tag)
    assert (response.status_code, response.json()["stale"]) == (200, None)


@pytest.mark.parametrize(("path", "accept"), LINES)
def test_lines_begin_with_a_comment(path: str, accept: str) -> None:
    latest = latest_of(scan_of(x86_host(3)))
    client = Client(latest)
    fresh = client.get(path, accept=accept)
    latest.fail("/host: No such file or directory")
    stale = client.get(path, accept=accept)
    first, _, rest = stale.text.partition("\n")
    assert first.startswith("# stale since 20")
    assert first.endswith(f": {WHY}; last read at {READ_AT}")
    assert rest == fresh.text
    assert stale.headers["etag"] != fresh.headers["etag"]


def test_the_page_has_a_banner_and_keeps_what_it_says() -> None:
    latest = latest_of(scan_of(x86_host(3, remapping=False)))
    client = Client(latest)
    fresh = client.get("/").text
    latest.fail("<script>")
    stale = client.get("/").text
    head, _, banner = stale.partition('<p role="alert" class="banner">')
    banner, _, rest = banner.partition("</p>\n")
    marked = head.replace("<title>Stale: ", "<title>").replace('<body class="stale">', "<body>")
    assert marked + rest == fresh
    assert marked != head
    assert "cannot be relied on" in banner
    assert "&lt;script&gt;" in banner


def test_what_is_compressed_is_marked_too() -> None:
    latest = latest_of(scan_of(x86_host(50)))
    client = Client(latest)
    client.get("/v1/report", accept_encoding="gzip")
    latest.fail("gone")
    for _ in range(2):
        packed = client.get("/v1/report", accept_encoding="gzip")
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.json()["stale"]["why"].endswith("gone")
        assert packed.content == client.get("/v1/report").content


def test_a_marked_body_ends_in_the_right_checksum() -> None:
    body = latest_of(scan_of(x86_host(50))).view.json()  # type: ignore[union-attr]
    for opening in (b"{", b'{"a":1,', b"x" * 5000, b""):
        other = body.opened(opening, "m")
        text = gzip.decompress(b"".join(other.gzip().parts))
        assert text == b"".join(other.plain().parts)
        assert text.startswith(opening)
        assert other.size == len(text)


def test_nothing_is_rendered_again_when_only_the_mark_changes() -> None:
    made: list[Body] = []

    def make(view: View) -> Body:
        made.append(view.json())
        return made[-1]

    async def go() -> None:
        latest = latest_of(scan_of(x86_host(50)))
        lookup = Lookup(latest)
        fresh = await lookup.body(Form("json", make))
        latest.fail("gone")
        stale = await lookup.body(Form("json", make))
        assert made == [fresh]
        assert stale is not fresh
        assert all(map(is_, stale.pieces[1:], fresh.pieces[1:]))

    asyncio.run(go())


def test_every_answer_has_the_header_errors_too() -> None:
    client = Client(failing())
    paths = (*TAGGED, "/", "/metrics", "/-/healthy", "/-/ready", "/v1/groups/77", "/nowhere",
             "/v1/check/group:1", "/openapi.json", "/v1/groups?outcome=x")  # fmt: skip
    for path in paths:
        header = client.get(path).headers["vfioguard-stale"]
        assert re.fullmatch(
            rf'since="{SINCE.pattern}", read-at="{READ_AT}", reason=failed, why="{WHY}"', header
        ), path


def test_a_header_is_printable_whatever_the_reason_says() -> None:
    stale = Stale("failed", 'a "b" \\ \x7f é\n', "2026-01-01T00:00:00Z", None)
    assert stale.header.isascii()
    assert stale.header.isprintable()
    assert 'why="a \\"b\\" \\\\ ' in stale.header


def test_the_gate_says_it_in_its_503() -> None:
    for path in ("/v1/check/group:1", "/-/ready"):
        body = problem(Client(failing()).get(path))
        assert (body["detail"], body["stale"]["why"], body["read_at"]) == (WHY, WHY, READ_AT)


def test_a_name_that_is_not_found_may_have_come_since() -> None:
    body = problem(Client(failing()).get("/v1/groups/77"))
    assert (body["status"], body["stale"]["why"]) == (404, WHY)


def test_before_the_first_reading_nothing_was_read() -> None:
    for path in ("/v1/report", "/v1/groups/1", "/", "/v1/firmware", "/v1/check/group:1"):
        body = problem(Client(latest_of()).get(path))
        assert body["status"] == 503
        assert (body["stale"]["why"], body["read_at"]) == ("the host has not been read yet", None)


def test_the_metrics_are_kept_and_name_the_reason() -> None:
    latest = latest_of(scan_of(x86_host(3)))
    client = Client(latest)
    fresh = client.get("/metrics").text
    assert "vfioguard_ready 1.0\n" in fresh
    assert (
        fresh.count("vfioguard_unready{") == fresh.count("vfioguard_unready{reason=") == len(Reason)
    )
    assert 'vfioguard_unready{reason="failed"} 0.0\n' in fresh
    latest.fail("gone")
    stale = client.get("/metrics").text
    assert "vfioguard_ready 0.0\n" in stale
    assert 'vfioguard_unready{reason="failed"} 1.0\n' in stale
    assert re.findall(r"^vfioguard_unready\{.*\} 1.0$", stale, re.MULTILINE) == [
        'vfioguard_unready{reason="failed"} 1.0'
    ]
    assert 'vfioguard_groups{backend="type1",outcome="allowed"} 3.0\n' in stale


def test_one_doubt_has_one_mark_however_long_it_lasts() -> None:
    clock = Clock()
    began = 0.0
    latest = latest_of(
        scan_of(x86_host()),
        clock=clock,
        doubts=(lambda: Doubt(Reason.BEHIND, "behind", clock.now - began),),
    )
    began = clock.now
    first = latest.stale()
    clock.now += 0.4
    assert latest.stale() is first
    assert first is not None
    assert marks(first)["read_at"] == READ_AT


def test_a_failure_lasts_from_the_first_reading_that_failed() -> None:
    clock = Clock()
    latest = latest_of(scan_of(x86_host()), clock=clock)
    for _ in range(5):
        latest.fail("gone")
        clock.now += 5
    doubt = latest.doubt()
    assert doubt is not None
    assert (doubt.reason, doubt.age) == (Reason.FAILED, 25)


def test_the_mark_is_the_second_thing_that_a_reader_sees() -> None:
    text = Client(failing()).get("/v1/report").text
    assert list(json.loads(text))[:4] == ["schema_version", "stale", "read_at", "generated_at"]
