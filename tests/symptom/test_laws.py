"""Laws over all recorded hosts: what a message may say there, whichever it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.symptom.test_symptoms import ROWS
from vfioguard.fact import Fact
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.output.explain.answer import answers
from vfioguard.output.explain.symptom import symptom_lines
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root
from vfioguard.snapshot import Snapshot
from vfioguard.symptom import paste
from vfioguard.verdict import Outcome

FIXTURES = Path(__file__).parent.parent / "fixtures"
HOSTS = sorted([*FIXTURES.glob("sysfs/*/as-booted.tar.xz"), *FIXTURES.glob("field/*/root.tar.xz")])
X86 = re.compile(r"(?i)intel_iommu|amd_iommu|VT-d|AMD-Vi")
PASTES = {line: paste.read(line) for *_, line in ROWS}
OVERRIDE = "allow_unsafe_interrupts"


def read(host: Path) -> tuple[Snapshot, Report]:
    snapshot = take(open_root(str(host)))
    return snapshot, evaluate(snapshot, "2026-01-01T00:00:00Z", findings=False)


def said(line: str, snapshot: Snapshot, report: Report) -> list[str]:
    """The screen about one line."""
    text = PASTES[line]
    meant = answers(text, snapshot, report)
    return symptom_lines(text, meant, report, "") if meant else []


@pytest.mark.parametrize("host", HOSTS, ids=lambda path: path.parent.name)
def test_every_line_is_answered_on_one_screen_in_the_words_of_the_host(host: Path) -> None:
    snapshot, report = read(host)
    arch = snapshot.kernel.arch
    foreign = isinstance(arch, Fact) and not is_x86(arch)
    refuses = {group.outcome for group in report.groups} & {Outcome.REFUSED, Outcome.BY_OVERRIDE}
    for line in PASTES:
        lines = said(line, snapshot, report)
        screen = "\n".join(lines)
        assert len(lines) <= 24, line
        assert all(len(row) <= 80 for row in lines if "proof: " not in row), line
        assert "{" not in screen, line
        assert not (foreign and X86.search(screen)), line
        if f"{OVERRIDE}=" in screen:
            assert refuses, line
            assert OVERRIDE in "".join(lines[-2:]), line


def test_there_are_hosts_of_other_architectures() -> None:
    names = {path.parent.name for path in HOSTS}
    assert any("arm64" in name for name in names)
    assert any("loong64" in name for name in names)
    assert any("riscv64" in name for name in names)


#: Lines of one failed start, as a log has them. The second has the errno.
START = """\
DMAR-IR: Failed to enable queued invalidation
vfio 0000:01:00.0: failed to setup container for group 13: Failed to set iommu for container: \
Operation not permitted
vfio-pci 0000:01:00.0: Relaying device request to user (#0)
DMAR: Host address width 46
"""


@pytest.mark.parametrize("host", HOSTS, ids=lambda path: path.parent.name)
def test_of_many_lines_the_first_is_told_with_what_to_do(host: Path) -> None:
    snapshot, report = read(host)
    text = paste.read(START)
    meant = answers(text, snapshot, report)
    lines = symptom_lines(text, meant, report, "")
    assert len(lines) <= 24
    assert lines[0].startswith("> vfio 0000:01:00.0: failed to setup container")
    if meant[0].possible:
        second = next((n for n, line in enumerate(lines) if n and line.startswith("> ")), 24)
        assert any(line.startswith("  do: ") for line in lines[:second])


def test_a_group_of_bridges_alone_does_not_hide_the_cause_of_the_others() -> None:
    port = Function("0000:00:01.0", "PCI-MSI", driver="pcieport", pci_class=0x060400)
    host = x86_host({0: [port], 1: ["0000:00:02.0"]}, remapping=False, cmdline=b"intremap=off")
    snapshot = take(Memory(host))
    report = evaluate(snapshot, "2026-01-01T00:00:00Z", findings=False)
    text = paste.read("EPERM")
    lines = symptom_lines(text, answers(text, snapshot, report), report, "")
    screen = " ".join(" ".join(lines).split())
    assert (
        "intremap=off on the kernel command line. Refused for their interrupts: group 1" in screen
    )
    assert "Remove `intremap=off`" in screen
