"""The Report for a person: one cause is one row, whatever ids are in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import arm_firmware as arm
from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.fact import Gap, Why
from vfioguard.finding import unanswered
from vfioguard.inference.host import Host
from vfioguard.judging.evaluate import evaluate
from vfioguard.output import Style
from vfioguard.output.text import OUTPUT
from vfioguard.reading.take import take
from vfioguard.report import FindingReport, Report
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.opening import open_root

FIXTURES = Path(__file__).parent.parent / "fixtures"
HOSTS = sorted([*FIXTURES.glob("sysfs/*/*.tar.xz"), *FIXTURES.glob("field/*/*.tar.xz")])
_ROW = re.compile(r"(?:refused|unknown|allowed|allowed-by-override) \(")


def text(report: Report) -> list[str]:
    return OUTPUT.render(report, Style()).splitlines()


def body(lines: list[str]) -> list[str]:
    """The lines from the first row on; above stand the host and its causes."""
    first = next((place for place, line in enumerate(lines) if _ROW.match(line)), 0)
    return lines[first:]


def rows(lines: list[str]) -> int:
    return sum(bool(_ROW.match(line)) for line in lines)


def judged(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


def test_thousands_of_groups_refused_for_one_cause_are_a_handful_of_lines() -> None:
    groups = {n: [f"{n >> 8:04x}:{n & 255:02x}:00.0"] for n in range(2048)}
    lines = text(judged(x86_host(groups, remapping=False)))
    assert rows(lines) == 1
    assert len(body(lines)) <= 5


def test_so_they_are_if_every_second_one_is_of_another_kind() -> None:
    """The numbers of a row then make no ranges: 262 lines before."""
    bus = [(f"{n >> 8:04x}:{n & 255:02x}:00.0", "PCI-MSIX" if n % 2 else None) for n in range(2048)]
    groups = {n: [Function(name, chip)] for n, (name, chip) in enumerate(bus)}
    lines = text(judged(x86_host(groups, remapping=False)))
    assert rows(lines) <= 3
    assert len(body(lines)) <= 12
    assert sum("more groups (--all)" in line for line in lines) >= 1
    shown = OUTPUT.render(judged(x86_host(groups, remapping=False)), Style(every_group=True))
    assert all(f" {number}  " in shown for number in groups)


@pytest.mark.parametrize("wired", ["no MSI controller", "a frame"])
def test_requester_ids_make_no_rows(wired: str) -> None:
    functions = [f"0000:{bus:02x}:00.0" for bus in range(1, 60)]
    if wired == "a frame":
        bridge = {"msi-map": arm.cells(0, arm.TO_V2M, 0, 0x10000)}
        nodes = arm.tree(bridge) | {arm.V2M: arm.v2m_frame()}
        host = arm.devicetree_host(nodes, functions, cmdline=b"irqchip.gicv3_nolpi=1\n")
    else:
        host = arm.acpi_host({"APIC": arm.madt(), "IORT": arm.iort()}, functions)
    report = judged(host)
    assert len(report.groups) == len(functions)
    assert rows(text(report)) == 1
    assert len(body(text(report))) <= 8


@pytest.mark.parametrize(
    "capture", HOSTS, ids=[f"{path.parent.name}/{path.name.split('.')[0]}" for path in HOSTS]
)
def test_a_recorded_host_has_few_rows(capture: Path) -> None:
    """These have one to two causes; whether the series of 2016 agrees makes a row of its own."""
    report = evaluate(take(open_root(str(capture))), "now")
    assert rows(text(report)) <= 4
    assert len(body(text(report))) <= 30


def test_findings_that_differ_in_a_device_are_one_line() -> None:
    report = judged(x86_host(3))
    paths = [f"/sys/bus/pci/devices/0000:{bus:02x}:00.0/config" for bus in range(1, 200)]
    gaps = tuple(Gap(Why.FAILED, path, "it does not answer", "ETIMEDOUT") for path in paths)
    found = unanswered.FINDING.find(Host(take(Memory(x86_host(3)))), gaps)
    findings = tuple(FindingReport("unanswered", "warning", f.summary, f.because) for f in found)
    lines = [line for line in text(report._replace(findings=findings)) if line[:8] == "warning:"]
    (line,) = lines
    assert line.startswith("warning: 0000:01:00.0 and 198 more: config does not answer")


def test_a_row_whose_words_are_of_one_device_says_that_its_other_groups_have_others() -> None:
    report = evaluate(
        take(open_root(str(FIXTURES / "sysfs/6.12-arm64--dt-part/as-booted.tar.xz"))), "now"
    )
    (row,) = [row for row in report.causes if row.cause.name == "msi_map_gap"]
    assert len(row.groups) > 1
    first, second = row.groups[:2]
    told = f"Told of group {first}; {len(row.groups) - 1} more, each of its own devices: "
    assert f"{told}vfioguard explain group:{second}" in " ".join(" ".join(text(report)).split())


def test_a_file_that_says_nothing_is_not_called_unreadable_and_no_word_is_cut() -> None:
    path = "/sys/kernel/debug/iommu/intel/ir_translation_struct"
    empty = Gap(Why.MALFORMED, path, "no unit that supports remapping of interrupts")
    denied = Gap(Why.DENIED, "/proc/kallsyms", "Permission denied", "EACCES")
    lines = text(judged(x86_host(1))._replace(gaps=(empty, denied)))
    assert lines[-6:] == [
        "not readable (1):",
        "  /proc/kallsyms: EACCES",
        "",
        "read, but no answer in it (1):",
        f"  {path}: no unit that supports",
        "    remapping of interrupts",
    ]
