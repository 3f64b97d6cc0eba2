"""`explain`: one screen for any group or device, and a proof in which each claim stands once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.support import hostile
from tests.support.functions import Function
from tests.support.generated import broken_hosts
from tests.support.hosts import arm_host, x86_host
from tests.support.laws import examples
from vfioguard.attach import BIND, Blocker
from vfioguard.fact import Fact
from vfioguard.judging.evaluate import evaluate
from vfioguard.logic import Answer, every, some
from vfioguard.output.explain.proof import proof, proof_of_ungrouped
from vfioguard.output.explain.screen import screen, screen_of_ungrouped
from vfioguard.proof_tree import ProofTree, proof_lines
from vfioguard.reading.take import take
from vfioguard.report import CauseReport, Step
from vfioguard.root import Root
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.opening import open_root

FIXTURES = Path(__file__).parent.parent / "fixtures"
HOSTS = sorted([*FIXTURES.glob("sysfs/*/*.tar.xz"), *FIXTURES.glob("field/*/*.tar.xz")])
_CLAIM = re.compile(r" *((?:yes|no|unknown): .*)")
MANY = 4096


def screens(root: Root) -> Iterator[tuple[list[str], list[str]]]:
    """The screen and the proof of each group, and of each function in none."""
    snapshot = take(root)
    report = evaluate(snapshot, "now")
    for group in report.groups:
        yield screen(snapshot, report, group), list(proof(snapshot, report, group))
    for device in report.ungrouped:
        yield screen_of_ungrouped(snapshot, report, device), list(proof_of_ungrouped(device))


def assert_fits(lines: list[str]) -> None:
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() and line.isascii() for line in lines)
    assert lines[-1] == "Proof: the same command with --proof"


def assert_once(lines: list[str]) -> None:
    claims = Counter(match[1] for match in map(_CLAIM.fullmatch, lines) if match)
    assert [claim for claim, times in claims.items() if times > 1] == []


@pytest.mark.parametrize(
    "capture", HOSTS, ids=[f"{path.parent.name}/{path.name.split('.')[0]}" for path in HOSTS]
)
def test_each_group_and_device_of_a_recorded_host_is_one_screen(capture: Path) -> None:
    for lines, whole in screens(open_root(str(capture))):
        assert_fits(lines)
        assert_once(whole)


@pytest.mark.parametrize("base", hostile.bases())
def test_so_it_is_whatever_names_devices_have(base: str) -> None:
    entries = hostile.bases()[base]
    names = {part for path in entries for part in path.split("/") if ":" in part}
    for name in sorted(names):
        for replacement in (hostile.MARK, f"{name}{'y' * 200}", "z" * 255, "a b " * 60):
            renamed = {path.replace(name, replacement): entry for path, entry in entries.items()}
            for lines, _ in screens(Memory(renamed)):
                assert_fits(lines)


@given(broken_hosts())
@settings(max_examples=examples(50))
def test_so_it_is_where_files_cannot_be_read(host: dict[str, Entry]) -> None:
    for lines, whole in screens(Memory(host)):
        assert_fits(lines)
        assert_once(whole)


@pytest.mark.parametrize("remapping", [True, False])
@pytest.mark.parametrize("shown", ["all", "none", "mixed"])
def test_a_group_of_thousands_is_a_screen_and_a_short_proof(remapping: bool, shown: str) -> None:
    prefix = "IR-" if remapping else ""
    chips = {"all": (f"{prefix}PCI-MSIX",), "none": (None,), "mixed": (f"{prefix}PCI-MSIX", None)}
    members = [
        Function(f"{n >> 8:04x}:{n & 255:02x}:00.0", chips[shown][n % len(chips[shown])])
        for n in range(MANY)
    ]
    ((lines, whole),) = screens(Memory(x86_host({7: members}, remapping=remapping)))
    assert_fits(lines)
    assert len(whole) <= 60
    assert_once(whole)
    text = "\n".join(whole)
    assert remapping or "more like this" in text
    assert "+4094 more" in "\n".join(lines)


def test_a_group_of_thousands_on_arm_is_no_longer() -> None:
    members = [f"{n >> 8:04x}:{n & 255:02x}:00.0" for n in range(MANY)]
    ((lines, whole),) = screens(Memory(arm_host({7: members}, controller="GICv2m")))
    assert_fits(lines)
    assert len(whole) <= 60


def test_what_does_not_fit_is_counted_and_taken_from_the_longest_section() -> None:
    snapshot = take(Memory(x86_host(1, remapping=False)))
    report = evaluate(snapshot, "now")
    (group,) = report.groups
    blockers = tuple(
        Blocker(f"kind-{letter}", True, None, "EINVAL", BIND, Answer(f"{letter} blocks", True, ()))
        for letter in map(chr, range(ord("a"), ord("z")))
    )
    crowded = group._replace(attachment=group.attachment._replace(blockers=blockers))
    causes = tuple(
        CauseReport(b.name, f"{b.because.claim}.", "", b.because, (Step("do it"),) * 9)
        for b in blockers
    )
    lines = screen(snapshot, report, crowded, None, causes)
    assert_fits(lines)
    assert lines[0].startswith("group 0: refused")
    shown = sum("cause: " in line for line in lines)
    assert shown >= 5
    assert f"    +{len(blockers) - shown} more (--proof)" in lines
    whole = "\n".join(proof(snapshot, report, crowded))
    assert "yes: a blocks" in whole
    left = len(blockers) - sum(f"yes: {blocker.because.claim}" in whole for blocker in blockers)
    assert f"... and {left} more" in whole


def leaf(claim: str, truth: bool, source: str) -> Answer:
    return Answer(claim, truth, (Fact(truth, b"raw", source),))


def test_a_claim_is_printed_once_and_referred_to_after_that() -> None:
    same = leaf("it is on", False, "/sys/a")
    top = every("all", [every("first", [same]), every("second", [same])])
    assert list(proof_lines(top)) == [
        "no: all",
        "  no: first",
        "    no: it is on",
        '      /sys/a: "raw"',
        "  no: second",
        "    as above: no: it is on",
    ]


def test_other_evidence_for_the_same_words_is_still_shown() -> None:
    top = some("all", [leaf("it is on", False, "/sys/a"), leaf("it is on", False, "/proc/b")])
    assert list(proof_lines(top)) == [
        "no: all",
        "  no: it is on",
        '    /sys/a: "raw"',
        "  as above: no: it is on",
        '    /proc/b: "raw"',
    ]


def test_a_part_in_the_words_of_its_whole_is_no_line_of_its_own() -> None:
    top = every("it is on", [every("it is on", [leaf("it is on", True, "/sys/a")])])
    assert list(proof_lines(top)) == ["yes: it is on", '  /sys/a: "raw"']


def test_parts_that_differ_in_more_than_ids_are_not_folded() -> None:
    parts = [leaf(f"0000:0{n}:00.0 is on", False, f"/sys/0000:0{n}:00.0/x") for n in range(9)]
    odd = leaf("0000:0a:00.0 is on", False, "/proc/else")
    lines = list(proof_lines(every("all", [*parts, odd])))
    assert lines == [
        "no: all",
        "  no: 0000:00:00.0 is on",
        '    /sys/0000:00:00.0/x: "raw"',
        "  ... and 8 more like this",
        "  no: 0000:0a:00.0 is on",
        '    /proc/else: "raw"',
    ]


def test_a_second_proof_refers_to_the_first() -> None:
    tree = ProofTree()
    same = leaf("it is on", True, "/sys/a")
    assert len(list(tree.lines(same))) == 2
    assert list(tree.lines(same, 1)) == ["  as above: yes: it is on"]
