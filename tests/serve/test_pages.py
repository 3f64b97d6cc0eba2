"""The pages of the daemon: made when somebody looks, once for each change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.serve.serving import Client, Clock, latest_of, problem, scan_of
from tests.support.hosts import x86_host
from vfioguard.change.state import state_of
from vfioguard.device_facts import DeviceFacts
from vfioguard.page.table import Asked
from vfioguard.serve.answer.known import Known
from vfioguard.serve.answer.pages import Pages
from vfioguard.serve.host.scan import Scan
from vfioguard.serve.telling.change_teller import ChangeTeller

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
NOTHING = DeviceFacts(*[None] * 14)
REFUSED = x86_host(3, remapping=False)


class Described:
    """A reading whose devices have names, and how often these were asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._seconds = seconds
        self.scan: Scan = scan_of(REFUSED)._replace(facts=self.facts)

    async def facts(self, names: Sequence[str]) -> dict[str, DeviceFacts] | None:
        await asyncio.sleep(self._seconds)
        self.asked.append(tuple(names))
        return {name: NOTHING._replace(vendor_name="Acme", iommu="dmar7") for name in names}


def pages_of(described: Described) -> Pages:
    return Pages(latest_of(described.scan), lambda: ((), 0), Clock())


def text_of(pages: Pages) -> str:
    body = asyncio.run(pages.whole())
    assert body is not None
    return b"".join(body.plain().parts).decode()


def test_a_client_that_has_the_page_is_told_so_and_gets_it_compressed() -> None:
    client = Client(latest_of(scan_of(REFUSED)))
    plain, packed = client.get("/"), client.get("/", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    again = client.get("/", if_none_match=plain.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_is_made_once_for_each_change() -> None:
    async def twice() -> bool:
        pages = Pages(latest_of(scan_of(REFUSED)), lambda: ((), 0), Clock())
        return await pages.whole() is await pages.whole()

    assert asyncio.run(twice())


def test_nothing_is_read_of_the_devices_before_somebody_looks() -> None:
    described = Described()
    pages = pages_of(described)
    assert described.asked == []
    assert "dmar7" in text_of(pages)
    assert [len(names) for names in described.asked] == [3]


def test_what_is_known_of_the_devices_is_not_read_again() -> None:
    async def looks() -> list[tuple[str, ...]]:
        described = Described()
        pages = pages_of(described)
        await pages.whole()
        await pages.devices(Asked("acme"))
        await pages.whole()
        return described.asked

    assert len(asyncio.run(looks())) == 1


def test_the_page_does_not_wait_for_slow_devices_and_says_that_they_are_being_read() -> None:
    async def looks() -> tuple[bytes, bytes]:
        described = Described(seconds=0.4)
        pages = pages_of(described)
        bodies = [await pages.whole()]
        await asyncio.sleep(0.5)
        bodies.append(await pages.whole())
        first, second = (b"".join(body.plain().parts) for body in bodies if body is not None)
        return first, second

    first, second = asyncio.run(looks())
    assert b"data-reading" in first
    assert b"dmar7" in second
    assert b"data-reading" not in second


def test_what_is_known_is_forgotten_when_nobody_looks() -> None:
    async def looks() -> int:
        described = Described()
        view = latest_of(described.scan).view
        assert view is not None
        known = Known(Clock(), idle=0.05)
        await known.look(view, described.facts)
        assert len(known.facts) == 3
        await asyncio.sleep(0.1)
        return len(known.facts)

    assert asyncio.run(looks()) == 0


@pytest.mark.parametrize("path", ["/groups/1", "/devices/0000:02:00.0"])
def test_as_text_a_page_is_what_explain_prints(path: str) -> None:
    client = Client(latest_of(scan_of(REFUSED)))
    target = path.rpartition("/")[2] if "devices" in path else "group:1"
    text = client.get(path, accept="text/plain")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text == client.get(f"/v1/explain/{target}", accept="text/plain").text


def test_the_page_of_a_group_has_its_verdicts_its_cause_its_members_and_the_proof() -> None:
    text = Client(latest_of(scan_of(REFUSED))).get("/groups/1").text
    for part in ("Verdict of each backend", "What to change here", "Members", "The proof",
                 "the series of 2016", "/v1/groups/1"):  # fmt: skip
        assert part in text
    assert "Interrupt remapping is off" in text


def test_the_page_of_a_device_names_its_group() -> None:
    client = Client(latest_of(scan_of(REFUSED)))
    (member,) = client.json("/v1/groups/2")["devices"]
    text = client.get(f"/devices/{member['name']}").text
    assert f"{member['name']} in group 2: no, cannot be attached" in text
    assert 'href="/groups/2"' in text


@pytest.mark.parametrize("path", ["/groups/77", "/devices/0000:99:00.0", "/groups/%3Cscript%3E"])
def test_what_is_not_there_is_a_problem_and_a_page_for_those_who_ask_for_one(path: str) -> None:
    client = Client(latest_of(scan_of(REFUSED)))
    detail = problem(client.get(path))["detail"]
    page = client.get(path, accept=HTML)
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert detail.partition(" here")[2][:20] in page.text
    assert "<script>" not in page.text


def test_before_the_first_reading_the_page_says_that_it_is_not_ready() -> None:
    client = Client(latest_of())
    assert problem(client.get("/"))["detail"] == "the host has not been read yet"
    for path in ("/", "/devices", "/groups/1"):
        page = client.get(path, accept=HTML)
        assert page.status_code == 503
        assert '<p role="alert" class="banner">' in page.text
        assert page.headers["retry-after"] == "1"


def test_a_stale_page_says_so_in_its_title_its_heading_and_a_banner() -> None:
    latest = latest_of(scan_of(REFUSED))
    client = Client(latest)
    fresh = client.get("/").headers["etag"]
    latest.fail("gone")
    for path in ("/", "/devices", "/groups/1", "/devices/0000:02:00.0"):
        stale = client.get(path)
        assert "<title>Stale: " in stale.text
        assert '<body class="stale">' in stale.text
    assert client.get("/", if_none_match=fresh).status_code == 200


@pytest.mark.parametrize(
    "query", ["q=%00%1b", "sort=-nothing", "from=-1", "from=99999999999999999999", "from=x", "a=b",
              "q=" + "x" * 5000, "sort=device&sort=name"],
)  # fmt: skip
def test_an_odd_search_is_a_page_too(query: str) -> None:
    page = Client(latest_of(scan_of(REFUSED))).get(f"/devices?{query}")
    assert page.status_code == 200
    assert "All devices" in page.text


def test_a_search_is_shown_as_printable_text_and_not_at_any_length() -> None:
    client = Client(latest_of(scan_of(REFUSED)))
    text = client.get("/devices?q=%E2%80%AE%1b%00&sort=group").text
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert client.get(f"/devices?q={'y' * 5000}").text.count("y") < 2000


def test_a_search_shows_what_it_found() -> None:
    text = Client(latest_of(scan_of(REFUSED))).get("/devices?q=group:2").text
    assert text.count('<th scope="row">') == 1
    assert 'value="group:2"' in text


def test_the_latest_changes_are_told_the_newest_first() -> None:
    async def told() -> tuple[Sequence[tuple[str, str]], int]:
        teller = ChangeTeller()
        for host in (x86_host(3), REFUSED, x86_host(2)):
            await teller.step(scan_of(host).report)
        return teller.lately()

    lines, number = asyncio.run(told())
    assert number > len(lines) > 1
    assert any("refused" in sentence for _, sentence in lines)
    assert state_of(scan_of(REFUSED).report, None).at == lines[0][0]


@pytest.mark.parametrize("name", ["page.css", "page.js"])
def test_the_files_of_the_page_are_kept_by_the_browser(name: str) -> None:
    client = Client(latest_of())
    answer = client.get(f"/{name}")
    assert answer.status_code == 200
    assert client.get(f"/{name}", if_none_match=answer.headers["etag"]).status_code == 304
