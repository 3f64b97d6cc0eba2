"""The page and the picture, made from reports of hosts in memory."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.attach import Attach
from vfioguard.device_facts import DeviceFacts
from vfioguard.fact import printable
from vfioguard.judging.evaluate import evaluate
from vfioguard.metrics.attaches import Attaches
from vfioguard.output import Style
from vfioguard.output.svg import OUTPUT as SVG
from vfioguard.page import answers, drawing, model, places, rendering, table
from vfioguard.page.model import Look
from vfioguard.page.table import Asked
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Entry, Memory

VOID = {"meta", "link", "input", "br"}
CHIP = "IR-PCI-MSIX"
CAPTURE = "tests/fixtures/sysfs/6.12-amd64--vtd-noir/as-booted.tar.xz"
NOTHING = DeviceFacts(*[None] * 14)


class Page(HTMLParser):
    """Counts elements, and asserts that each is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.nodes = 0
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.tiles: list[dict[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.nodes += 1
        given = dict(attrs)
        self.ids.update([given["id"]] if given.get("id") else [])
        self.links += [given["href"]] if tag == "a" and given.get("href") else []
        self.tiles += [given] if "data-groups" in given else []
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def report(entries: dict[str, Entry] | None = None, groups: int = 4, **more: bool) -> Report:
    host = x86_host(groups, **more) if entries is None else entries
    return evaluate(take(Memory(host)), "2026-11-22T18:00:00Z")


def functions(groups: int) -> dict[int, list[Function]]:
    """A function a group, 256 on a bus."""
    return {
        number: [Function(f"0000:{number >> 8:02x}:{number >> 3 & 31:02x}.{number & 7}", CHIP)]
        for number in range(groups)
    }


@cache
def large(*, remapping: bool) -> Report:
    return report(x86_host(functions(4096), remapping=remapping))


def page(of: Report, look: Look | None = None) -> str:
    seen = look or Look(of, changes=())
    rows = table.rows(of, seen.facts)
    return rendering.opening("title", None) + rendering.page(seen, rows)


def groups_of(tile: dict[str, str | None]) -> list[int]:
    numbers: list[int] = []
    for span in str(tile["data-groups"]).split():
        first, _, last = span.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


@pytest.mark.parametrize("remapping", [True, False])
def test_4096_groups_are_few_bytes_and_few_nodes(remapping: bool) -> None:
    text = page(large(remapping=remapping))
    assert len(large(remapping=remapping).groups) == 4096
    assert len(text.encode()) <= 150_000
    assert Page(text).nodes <= 3000


def test_a_host_of_many_small_buses_is_bounded_too() -> None:
    text = page(report(groups=200, remapping=False))
    assert len(text.encode()) <= 150_000
    assert Page(text).nodes <= 3000


def test_each_group_has_one_cell_and_each_cell_its_answer() -> None:
    of = large(remapping=False)
    tiles = Page(page(of)).tiles
    numbers = [number for tile in tiles for number in groups_of(tile)]
    assert sorted(numbers) == [group.id for group in of.groups]
    for tile in tiles:
        runs = re.findall(r"([a-z])(\d+)", str(tile["data-answers"]))
        assert sum(int(length) for _, length in runs) == len(groups_of(tile))
        assert len(str(tile["data-names"]).split("\n")) == len(groups_of(tile))


def test_a_small_host_has_a_link_for_each_group() -> None:
    links = Page(page(report(groups=20))).links
    assert {f"/groups/{number}" for number in range(20)} <= set(links)


def test_the_cells_of_a_large_host_are_links_if_few_are_bad() -> None:
    of = report(x86_host(functions(400) | {7: [Function("0000:00:00.7", "PCI-MSI")]}))
    worst = [group for group in of.groups if group.attachment.attach is not Attach.YES]
    tiles = model.tiles(of, {})
    linked = [cell.group for _, each in tiles for tile in each for cell, _ in tile.links]
    assert sorted(linked) == [group.id for group in worst]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (x86_host(4), "All 4 IOMMU groups can be handed to a guest safely"),
        (x86_host(1), "The one IOMMU group can be handed to a guest safely"),
        (x86_host(3, remapping=False), "3 of 3 groups cannot be handed to a guest safely: "),
        (x86_host(3, remapping=False, override=True), "3 of 3 groups cannot be handed to a guest"),
        ({}, "No IOMMU group"),
    ],
    ids=["all", "one", "refused", "override", "none"],
)  # fmt: skip
def test_the_heading_says_how_it_stands(host: dict[str, Entry], said: str) -> None:
    of = report(host)
    assert answers.heading(of).startswith(said)
    assert answers.heading(of) in shown_text(page(of))


def shown_text(text: str) -> str:
    from html import unescape

    return unescape(text)


def test_what_is_not_known_is_not_called_safe() -> None:
    of = report(x86_host(3, msis=False) | {"/proc/interrupts": b"", "/proc/cmdline": b""})
    numbers = {count.shown.key: count.number for count in answers.counts(of)}
    assert numbers["yes"] == sum(group.attachment.attach is Attach.YES for group in of.attachable)
    if numbers["unknown"] == 3:
        assert answers.heading(of).startswith("Nobody knows whether 3 of 3 groups can be handed")


def test_the_counts_are_those_of_the_whole_attach() -> None:
    of = report(groups=7, remapping=False)
    told = {count.shown.word: count.number for count in answers.counts(of)}
    attaches = Counter(group.attachment.attach for group in of.attachable)
    assert told == {answer.value: attaches[answer] for answer in Attach}


def test_a_group_in_use_by_the_override_is_exposed_now() -> None:
    host = x86_host(
        {0: [Function("0000:01:00.0", None, driver="vfio-pci")]}, remapping=False, override=True
    )
    of = report(host)
    assert answers.exposed(of) == [0]
    assert Attaches(of, 0).exposed == 1
    assert "Exposed now:" in page(of)
    assert "Exposed now:" not in page(report(groups=2, remapping=False, override=True))


def test_a_cause_has_a_card_with_its_change_its_file_and_a_ticket() -> None:
    of = report(groups=3, remapping=False)
    (row, *_) = of.causes
    text = shown_text(page(of))
    assert row.cause.sentence in text
    assert all(step.do in text for step in row.cause.change)
    ticket = model.ticket(of, row.cause, row.groups, "host1")
    assert ticket.startswith(row.cause.sentence)
    assert "Host: host1" in ticket
    assert f"Rests on {model.file_of(row.cause.because)}" in ticket
    assert model.file_of(row.cause.because).startswith("/")


def test_groups_stand_behind_their_units_and_on_their_buses() -> None:
    of = report(groups=3)
    names = [group.devices[0].name for group in of.groups]
    facts = {name: NOTHING._replace(iommu=f"dmar{10 - place}") for place, name in enumerate(names)}
    assert [unit.name for unit in places.units(of, facts)] == ["dmar8", "dmar9", "dmar10"]
    assert [unit.name for unit in places.units(of, {})] == [""]


def test_a_search_has_all_words_and_means_numbers_and_answers_exactly() -> None:
    of = report(groups=30, remapping=False)
    rows = table.rows(of, {of.groups[2].devices[0].name: NOTHING._replace(vendor_name="Acme & Co")})
    assert [row.group for row in table.part(rows, Asked("group:1")).rows] == [1]
    assert [row.group for row in table.part(rows, Asked("ACME no")).rows] == [2]
    assert table.part(rows, Asked("answer:yes")).matching == 0
    assert table.part(rows, Asked("answer:no")).matching == 30
    assert table.part(rows, Asked("acme nowhere")).rows == ()


@pytest.mark.parametrize("sort", [*table.SORTS, "nothing"])
def test_every_order_has_every_row_once(sort: str) -> None:
    rows = table.rows(report(groups=25), {})
    for down in (False, True):
        parts = [table.part(rows, Asked("", sort, down, start), 10).rows for start in (0, 10, 20)]
        assert sorted(row.name for part in parts for row in part) == sorted(r.name for r in rows)


def test_a_first_row_beyond_the_end_is_the_last_part() -> None:
    rows = table.rows(report(groups=25), {})
    assert table.part(rows, Asked(start=10**8), 10).asked.start == 20
    assert table.part(rows, Asked("nothing there", start=7), 10).end == 0


def test_nothing_that_a_host_says_is_markup() -> None:
    evil = "<script>alert(1)</script>"
    of = report(x86_host({0: [Function("0000:01:00.0", "PCI-MSIX", driver=evil)]}, remapping=False))
    for text in (page(of), SVG.render(of, Style(host=evil)), rendering.alone(Look(of, host=evil))):
        assert evil not in text
    Page(page(of))


#: What a file may be called: it has no "/".
NAMES = (
    "<script>a<script>",
    "\u202eabc\u2066",
    "x" * 250,
    "a\x1b[31m",
    "'\"--><svg>&amp;{{7*7}}",
    "#?%\\",
)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name_is_text_in_every_place(name: str) -> None:
    of = report(x86_host({0: [name]}, remapping=False))
    member = of.groups[0].devices[0].name
    said = printable(name) * 16
    facts = {member: NOTHING._replace(vendor_name=said, iommu=said, physical_function=said)}
    look = Look(of, facts, changes=[("2026-11-22T18:00:00Z", said)], host=said)
    told = rendering.Told(of.groups[0], of, [], facts, "2026-11-22T18:00:00Z", member)
    pages = (
        rendering.opening(rendering.title(look), said)
        + rendering.page(look, table.rows(of, facts)),
        rendering.opening(rendering.place_title(told), None) + rendering.place(told),
    )
    picture = SVG.render(of, Style(facts=facts, host=said))
    for text in (*pages, picture, rendering.alone(look)):
        assert "<script>a" not in text
        assert ">49<" not in text
        assert all(letter.isprintable() or letter == "\n" for letter in text)
    for text in pages:
        Page(text)
        assert f'/devices/{quote(member, safe=":.-_~")}"' in text
    lines = [e.text or "" for e in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert max(map(len, lines)) <= 150


def test_no_id_stands_twice() -> None:
    assert max(Page(page(report(groups=9, remapping=False))).ids.values()) == 1


def test_the_picture_is_xml_with_every_group_in_its_legend() -> None:
    of = report(groups=200, remapping=False)
    root = ET.fromstring(SVG.render(of, Style(host="host1")))
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("host1" in text for text in texts)
    assert "\u2715 200 no" in texts
    assert float(root.attrib["height"]) > 0


def test_a_run_of_cells_is_one_line_of_their_length() -> None:
    assert drawing.run("no", 0, 3, 8) == "M0 4h31"
    assert drawing.run("yes", 9, 9, 8) == "M9.5 12h4"


def test_one_file_needs_no_other() -> None:
    text = rendering.alone(Look(report(groups=3, remapping=False), host="host1"))
    shown = Page(text)
    assert not [link for link in shown.links if not link.startswith("#")]
    assert "src=" not in text.partition("<body>")[2].partition("<script>")[0]
    assert "What changed lately" not in text
    assert "host1: 3 of 3 groups" in text


@pytest.mark.parametrize(("form", "status"), [("html", 3), ("svg", 2)])
def test_without_jinja2_there_is_the_picture_and_one_clear_line(form: str, status: int) -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from vfioguard.cli import main\n"
        f"sys.exit(main(['report', '--root', {CAPTURE!r}, '--output', {form!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == (1 if form == "html" else 0)
    if form == "html":
        assert "needs the Python module jinja2" in result.stderr
        assert result.stdout == ""


def test_the_script_is_short() -> None:
    assert len(rendering.asset("page.js").splitlines()) <= 150
