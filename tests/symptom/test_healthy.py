"""What a healthy host prints is not told as a fault: boot logs, lspci, lsmod, XML, commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.symptom.test_symptoms import BEFORE
from vfioguard.judging.evaluate import evaluate
from vfioguard.output.explain.answer import answers
from vfioguard.output.explain.symptom import symptom_lines
from vfioguard.reading.take import take
from vfioguard.root.memory import Memory
from vfioguard.symptom import Whose, paste

LOG = (Path(__file__).parent.parent / "fixtures/symptom/healthy.log").read_text()
LINES = [line for line in LOG.splitlines() if line.strip()]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.strip()[:40])
def test_an_ordinary_line_is_no_fault(line: str) -> None:
    for before in BEFORE:
        for change in (str, str.lower, str.upper):
            told = paste.read(before + change(line)).understood
            assert {one.whose for one in told} <= {Whose.FINE}


def test_a_log_of_ordinary_lines_has_no_fault() -> None:
    assert {one.whose for one in paste.read(LOG).understood} == {Whose.FINE}


def test_the_verdicts_of_bridges_come_last() -> None:
    ports = [
        Function(f"0000:00:0{number}.0", "PCI-MSI", driver="pcieport", pci_class=0x060400)
        for number in (1, 2, 3)
    ]
    groups = {number: [port] for number, port in enumerate(ports)}
    snapshot = take(Memory(x86_host({**groups, 3: ["0000:00:04.0"]})))
    report = evaluate(snapshot, "2026-01-01T00:00:00Z", findings=False)
    text = paste.read(
        "\n".join(f"pci 0000:00:0{n + 1}.0: Adding to iommu group {n}" for n in range(4))
    )
    screen = symptom_lines(text, answers(text, snapshot, report), report, "")
    verdicts = [line for line in screen if line.startswith("group ")]
    assert verdicts[0].startswith("group 3 (0000:00:04.0)")
