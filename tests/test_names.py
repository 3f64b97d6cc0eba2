"""A host's names are hostile: whatever they hold, every face shows it as printable ASCII.

One line stays one line, and no terminal, browser, scraper or log is told anything by a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_metrics

from tests.support import faces, hostile
from vfioguard.change.state import state_of
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Memory
from vfioguard.snapshot import Snapshot

BASES = hostile.bases()
#: In JSON the bytes of a file stand as they are, escaped.
RAW = frozenset({"raw"})
#: What the pages say in their own words, which no host does.
OWN = str.maketrans(dict.fromkeys("\u2715\u2713\u00b7\u2026\u201c\u201d", "."))


def complaints(face: str, text: str) -> Iterator[str]:
    """What of a text a name could have told."""
    if "html" in face or "svg" in face:
        text = text.translate(OWN)
    lines = text.split("\n")
    if not all(line.isprintable() and line.isascii() for line in lines):
        bad = sorted({c for line in lines for c in line if not (c.isascii() and c.isprintable())})
        yield f"{face}: {bad}"
    if any(line.startswith(hostile.FORGED) for line in text.splitlines()):
        yield f"{face}: a line of the attacker's own"
    if "html" in face and text.count("<script") != 1:
        yield f"{face}: markup"
    if text.startswith("{") and "json" in face:
        yield from (
            f"{face}: {one!r:.99}" for one in strings(json.loads(text)) if not one.isprintable()
        )
    if text.startswith("# HELP") and "prometheus" in face:
        list(parse_metrics(text))


def strings(value: object) -> Iterator[str]:
    """Every string of a document and every key, but for what a file held."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, dict):
        yield from value
        for key, part in value.items():
            if key not in RAW:
                yield from strings(part)


def report_of(snapshot: Snapshot) -> Report:
    return evaluate(snapshot, "2026-11-22T18:00:00Z")


@pytest.mark.parametrize("kind", BASES)
def test_no_name_of_a_host_tells_a_face_anything(kind: str, tmp_path: Path) -> None:
    commands = faces.Commands(tmp_path)
    before = state_of(report_of(take(Memory(BASES[kind]))), "b")
    found: list[str] = []
    for place, host in hostile.variants(BASES[kind]):
        snapshot = take(Memory(host))
        report = report_of(snapshot)
        after = state_of(report, "b")
        shown = [
            *faces.forms(snapshot, report),
            *commands.of(host, report),
            *faces.views(report),
            *faces.differences(before, after),
            *(pair for record in faces.records(before, after) for pair in record),
        ]
        found += [f"{place} -> {c}" for face, text in shown for c in complaints(face, text)]
    assert not found, "\n".join(found[:40])


def test_no_name_of_a_host_stands_in_an_answer_over_http() -> None:
    name = next(host for place, host in hostile.variants(BASES["x86"]) if "AMDI0096" in place)
    shown = list(faces.answers(name))
    assert any("AMDI0096" not in text for _, text in shown)
    assert not [one for face, text in shown for one in complaints(face, text)]
