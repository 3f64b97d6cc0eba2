"""Laws of causes over every recorded host: each refusal has one, and it promises what is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.causing import words
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.judging.causes import (
    cause_names,
    causes_of,
    causes_of_ungrouped,
    causes_without_group,
)
from vfioguard.judging.evaluate import judge
from vfioguard.kernel.identity.arch import is_x86
from vfioguard.reading.take import take
from vfioguard.report import CauseReport, Report
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

FIXTURES = Path(__file__).parents[1] / "fixtures"
STATES = sorted(FIXTURES.glob("sysfs/*/*.tar.xz")) + sorted(FIXTURES.glob("field/*/root.tar.xz"))
#: Without the blockers that stand beside the interrupts.
NAMES = frozenset(cause_names())
#: Their proofs are of a claim that holds: a bind makes the group, the kernel has no backend.
TOLD_BY_A_YES = frozenset({"group_made_at_bind", "no_backend"})
X86_WORDS = ("intel_iommu", "amd_iommu", "vt-d", "amd-vi", "intremap", "dmar", "ivrs", "q35")


def _name(path: Path) -> str:
    return f"{path.parent.name} {path.name.partition('.')[0]}"


def judged(path: Path) -> tuple[Host, Report]:
    result = judge(take(open_root(str(path))), "now", findings=False)
    return Host(result.snapshot), result.report


def of_groups(host: Host, report: Report) -> Iterator[tuple[CauseReport, ...]]:
    for group in report.groups:
        if group.attachable and group.outcome is not Outcome.ALLOWED:
            causes = causes_of(host, group, host.snapshot.group(group.id))
            yield tuple(cause for cause in causes if cause.name in NAMES)


def of_functions(host: Host) -> Iterator[tuple[CauseReport, ...]]:
    yield from (causes_without_group(host, device) for device in host.snapshot.devices)


@pytest.mark.parametrize("path", STATES, ids=_name)
def test_each_function_without_a_group_has_a_cause_and_a_change(path: Path) -> None:
    host, report = judged(path)
    assert len(report.ungrouped) == len(host.snapshot.devices)
    for function in report.ungrouped:
        found = causes_of_ungrouped(host, function)
        assert found
        assert all(cause.change or not cause.helps for cause in found)


@pytest.mark.parametrize("path", STATES, ids=_name)
def test_each_group_off_x86_that_is_not_allowed_has_a_cause_and_a_change(path: Path) -> None:
    host, report = judged(path)
    if is_x86(host.snapshot.kernel.arch):
        return
    for found in of_groups(host, report):
        assert found
        assert all(cause.change or not cause.helps for cause in found)


@pytest.mark.parametrize("path", STATES, ids=_name)
def test_no_word_of_x86_is_said_on_another_architecture(path: Path) -> None:
    host, report = judged(path)
    assert isinstance(host.snapshot.kernel.arch, Fact)
    if is_x86(host.snapshot.kernel.arch):
        return
    for found in [*of_groups(host, report), *of_functions(host), causes_without_group(host)]:
        said = "\n".join(words(cause) + cause.rule for cause in found).lower()
        assert [word for word in X86_WORDS if word in said] == []


@pytest.mark.parametrize("path", STATES, ids=_name)
def test_every_sentence_is_told_in_its_denied_form_and_ends(path: Path) -> None:
    host, report = judged(path)
    for found in [*of_groups(host, report), *of_functions(host)]:
        for cause in found:
            assert not cause.sentence.startswith(("no:", "not ("))
            assert cause.because.truth is not True or cause.name in TOLD_BY_A_YES
            assert cause.sentence.endswith(".")
            assert all(step.do.endswith(".") for step in cause.change)


def cause_of(name: str, group: int | None = None) -> CauseReport:
    """The first cause of the first refused group of a recorded host, or of its ungrouped ones."""
    host, report = judged(FIXTURES / "sysfs" / name / "as-booted.tar.xz")
    if group is None:
        return next(of_groups(host, report))[0]
    return causes_without_group(host)[group]


@pytest.mark.parametrize(
    ("refused", "allowed", "name", "promise"),
    [
        ("7.3-arm64--v2m-smmu-acpi", "7.3-arm64--its-smmu-acpi", "gicv2m", "its=on"),
        ("6.12-arm64--noits-smmu-acpi", "6.12-arm64--its-smmu-acpi", "its_missing", "its=on"),
        ("7.3.4-arm64--v3m-acpi", "7.3-arm64--its-smmu-acpi", "its_missing", "its=on"),
    ],
)
def test_the_change_names_what_the_allowed_counterpart_has(
    refused: str, allowed: str, name: str, promise: str
) -> None:
    cause = cause_of(refused)
    assert cause.name == name
    assert promise in (cause.change[0].where or "")
    _, counterpart = judged(FIXTURES / "sysfs" / allowed / "as-booted.tar.xz")
    assert {group.outcome for group in counterpart.groups} == {Outcome.ALLOWED}


def test_an_iommu_that_is_switched_off_counts_again_without_the_word() -> None:
    cause = cause_of("7.3-amd64--vtd-ir-off", 0)
    assert cause.name == "iommu_switched_off"
    assert "Remove `intel_iommu=off`" in cause.change[0].do
    _, counterpart = judged(FIXTURES / "sysfs/7.3-amd64--vtd-ir-nocmdline/as-booted.tar.xz")
    assert {group.outcome for group in counterpart.groups} == {Outcome.ALLOWED}
