"""What holds of the words about every blocked group of every recorded host."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.causing import words
from vfioguard.inference.host import Host
from vfioguard.judging.attachments import kinds
from vfioguard.judging.causes import Causes, cause_names, causes_of
from vfioguard.judging.evaluate import judge
from vfioguard.output.explain.screen import COLUMNS, LINES, screen
from vfioguard.reading.take import take
from vfioguard.report import CauseReport, GroupReport, Report
from vfioguard.root.opening import open_root
from vfioguard.snapshot import Snapshot

FIXTURES = Path(__file__).parents[1] / "fixtures"
#: These stand beside a clone where more hosts are kept; a clone alone does without.
SHARED = FIXTURES.parents[2] / "shared"
KINDS = {kind.name: kind for kind in kinds()}
#: Words that mean nothing on other architectures.
X86 = re.compile(
    r"intel|amd|VT-d|intremap|ivrs|DMAR|RMRR|IVMD|APIC|VMD|ProLiant|conrep|x86", re.IGNORECASE
)


def _recorded() -> list[Any]:
    roots = [
        *sorted(FIXTURES.glob("sysfs/*/*.tar.xz")),
        *sorted(FIXTURES.glob("field/*/root*.tar.xz")),
        *sorted(SHARED.glob("field/*/root*.tar.xz")),
        *sorted(SHARED.glob("captures/*/*.tar.xz")),
    ]
    return [pytest.param(root, id=f"{root.parent.name} {root.stem}") for root in roots]


@cache
def _judged(root: Path) -> tuple[Snapshot, Report]:
    judged = judge(take(open_root(str(root))), "now", findings=False)
    return judged.snapshot, judged.report


def _blocked(root: Path) -> list[tuple[Host, GroupReport, tuple[CauseReport, ...]]]:
    snapshot, report = _judged(root)
    host = Host(snapshot)
    return [
        (host, group, causes_of(host, group, snapshot.group(group.id)))
        for group in report.groups
        if group.attachment.blockers
    ]


@pytest.mark.parametrize("root", _recorded())
def test_each_blocker_has_a_cause_with_a_rule_and_what_to_do(root: Path) -> None:
    for _, group, causes in _blocked(root):
        told = {cause.name: cause for cause in causes}
        for blocker in group.attachment.blockers:
            cause = told[blocker.name]
            assert cause.rule, cause
            assert cause.change or not cause.helps, cause
            assert cause.helps or "no setting helps: " in cause.sentence.lower(), cause
            assert cause.because.because, cause
            assert not re.match(r"no: |not \(", cause.sentence, re.IGNORECASE)
            assert cause.sentence.endswith("."), cause.sentence


@pytest.mark.parametrize("root", _recorded())
def test_the_cause_of_the_first_errno_comes_first(root: Path) -> None:
    for _, group, causes in _blocked(root):
        attachment = group.attachment
        first = attachment.blockers[0]
        if attachment.errno is None:
            continue
        if (first.errno, first.call) == (attachment.errno, attachment.call):
            assert causes[0].name == first.name
        else:
            assert causes[0].name not in KINDS


@pytest.mark.parametrize("root", _recorded())
def test_a_blocker_has_no_word_of_x86_elsewhere_and_never_the_override(root: Path) -> None:
    for host, _, causes in _blocked(root):
        for cause in causes:
            if cause.name in KINDS:
                assert "allow_unsafe_interrupts" not in words(cause)
                assert host.is_x86 or not X86.search(words(cause)), words(cause)


@pytest.mark.parametrize("root", _recorded())
def test_the_names_alone_are_those_of_the_causes(root: Path) -> None:
    for host, group, causes in _blocked(root):
        names = tuple(dict.fromkeys(cause.name for cause in causes))
        assert Causes(host).names(group, host.snapshot.group(group.id)) == names


@pytest.mark.parametrize("root", _recorded())
def test_the_screen_tells_the_sentence_once_and_then_a_step(root: Path) -> None:
    snapshot, report = _judged(root)
    for _, group, causes in _blocked(root):
        lines = screen(snapshot, report, group, None, causes)
        assert len(lines) <= LINES
        assert all(len(line) <= COLUMNS for line in lines)
        text = re.sub(r"\s+", " ", " ".join(lines))
        for cause in causes:
            assert text.count(f"cause: {cause.sentence}") == 1, text
        if causes[0].change:
            assert text.split(f"cause: {causes[0].sentence}")[1].startswith(" 1. ")


def test_every_cause_of_a_blocker_is_its_own() -> None:
    assert not set(KINDS) & set(cause_names())
