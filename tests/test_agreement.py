"""The oracle is the kernel: what it answered to a real attach of every group (fixtures/sysfs)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vfioguard.evaluate import evaluate
from vfioguard.report import Report
from vfioguard.root.opening import open_root
from vfioguard.snapshot import take
from vfioguard.verdict import Outcome

HOSTS = Path(__file__).parent / "fixtures" / "sysfs"
STATES = ("as-booted", "bound")
CASES = [(host.name, state) for host in sorted(HOSTS.iterdir()) for state in STATES]

# How many groups of which host may be unknown, by what is missing. All of them are arm64's: a
# device without MSIs shows no domain there, and which one it would get only the firmware says.
_DEVICES = "IORT and MADT, or the device tree: the MSI domain of devices that have no MSI"
_MACHINE = "MADT, or the device tree: that the machine has no MSI controller without isolation"
UNKNOWN: dict[tuple[str, str], tuple[int, str]] = {
    ("5.10-arm64--its-smmu-acpi", "as-booted"): (5, _MACHINE),
    ("5.10-arm64--its-smmu-acpi", "bound"): (5, _MACHINE),
    ("5.10-arm64--its-smmu-dt", "as-booted"): (5, _MACHINE),
    ("5.10-arm64--its-smmu-dt", "bound"): (5, _MACHINE),
    ("6.1-arm64--dt-part", "as-booted"): (10, _MACHINE),
    ("6.1-arm64--dt-part", "bound"): (11, _MACHINE),
    ("6.1-arm64--its-smmu-acpi", "as-booted"): (11, _MACHINE),
    ("6.1-arm64--its-smmu-acpi", "bound"): (11, _MACHINE),
    ("6.1-arm64--its-smmu-dt", "as-booted"): (7, _MACHINE),
    ("6.1-arm64--its-smmu-dt", "bound"): (7, _MACHINE),
    ("6.1-arm64--noits-smmu-acpi", "as-booted"): (5, _MACHINE),
    ("6.1-arm64--noits-smmu-acpi", "bound"): (5, _MACHINE),
    ("6.12-arm64--dt-part", "as-booted"): (8, _DEVICES),
    ("6.12-arm64--dt-part", "bound"): (11, _DEVICES),
    ("6.12-arm64--its-smmu-acpi", "as-booted"): (4, _DEVICES),
    ("6.12-arm64--its-smmu-acpi", "bound"): (11, _DEVICES),
    ("6.12-arm64--its-smmu-acpi-pt", "as-booted"): (2, _DEVICES),
    ("6.12-arm64--its-smmu-acpi-pt", "bound"): (5, _DEVICES),
    ("6.12-arm64--its-smmu-dt", "as-booted"): (2, _DEVICES),
    ("6.12-arm64--its-smmu-dt", "bound"): (7, _DEVICES),
    ("6.12-arm64--noits-smmu-acpi", "as-booted"): (5, _DEVICES),
    ("6.12-arm64--noits-smmu-acpi", "bound"): (5, _DEVICES),
    ("6.12-arm64--v2m-smmu-acpi", "as-booted"): (4, _DEVICES),
    ("6.12-arm64--v2m-smmu-acpi", "bound"): (10, _DEVICES),
    ("6.12-arm64--v2m-smmu-dt", "as-booted"): (2, _DEVICES),
    ("6.12-arm64--v2m-smmu-dt", "bound"): (3, _DEVICES),
    ("7.3-arm64--its-smmu-acpi", "as-booted"): (6, _DEVICES),
    ("7.3-arm64--its-smmu-acpi", "bound"): (13, _DEVICES),
    ("7.3-arm64--its-smmu-acpi-pt", "as-booted"): (3, _DEVICES),
    ("7.3-arm64--its-smmu-acpi-pt", "bound"): (6, _DEVICES),
    ("7.3-arm64--v2m-smmu-acpi", "as-booted"): (6, _DEVICES),
    ("7.3-arm64--v2m-smmu-acpi", "bound"): (12, _DEVICES),
    ("7.3-arm64--v2m-smmu-dt", "as-booted"): (3, _DEVICES),
    ("7.3-arm64--v2m-smmu-dt", "bound"): (6, _DEVICES),
}


def report_of(host: str, state: str) -> Report:
    return evaluate(take(open_root(str(HOSTS / host / f"{state}.tar.xz"))), "now")


def truth_of(host: str) -> dict[str, Any]:
    return json.loads((HOSTS / host / "truth.json").read_text())


def kernel_needs_override(group: dict[str, Any], backend: str, release: str) -> bool | None:
    """What the kernel said of the interrupts alone; None where it never came to that decision."""
    errno, stage = group[f"{backend}_safe"], group.get(f"{backend}_stage_safe")
    if backend == "iommufd":
        return {"OK": False, "EPERM": True}.get(errno) if group["viable"] == 1 else None
    if (errno, stage) == ("EINVAL", "get_device") and release.startswith("5.10"):
        return False  # up to v5.17 viability is tested after the interrupts
    return {("OK", None): False, ("EPERM", "set_iommu"): True}.get((errno, stage))


def judged(host: str, state: str) -> list[tuple[dict[str, Any], str, bool, bool | None]]:
    """(group of the truth, backend, what the kernel said, what we say) where it said anything."""
    truth = truth_of(host)
    groups = {group.id: group for group in report_of(host, state).groups}
    found: list[tuple[dict[str, Any], str, bool, bool | None]] = []
    for group in truth["groups"]:
        ours = groups.get(group["group"])
        if ours is None:  # made by a driver that was bound between the two states
            assert state == "as-booted", f"group {group['group']} is missing"
            continue
        assert sorted(d.name for d in ours.devices) == sorted(group["devices"])
        for backend, verdict in ours.backends:
            said = kernel_needs_override(group, backend, truth["release"])
            if said is not None:
                assert verdict is not None, f"{backend} is not judged, and the kernel has it"
                found.append((group, backend, said, verdict.needs_override))
    return found


@pytest.mark.parametrize(("host", "state"), CASES)
def test_no_verdict_differs_from_the_kernels(host: str, state: str) -> None:
    wrong = [
        (group["group"], backend, f"kernel {said}, we {ours}")
        for group, backend, said, ours in judged(host, state)
        if ours is not None and ours is not said
    ]
    assert not wrong


@pytest.mark.parametrize(("host", "state"), CASES)
def test_a_verdict_is_unknown_only_for_evidence_that_is_named(host: str, state: str) -> None:
    unknown = sum(ours is None for _, _, _, ours in judged(host, state))
    allowed, _missing = UNKNOWN.get((host, state), (0, "nothing"))
    assert unknown == allowed


@pytest.mark.parametrize(("host", "state"), CASES)
def test_the_outcome_is_what_the_parameter_makes_of_it(host: str, state: str) -> None:
    report = report_of(host, state)
    value = {override.name: override.value for override in report.overrides}
    for group in report.groups:
        for backend, verdict in group.backends:
            if verdict is None or verdict.needs_override is None:
                continue
            module = "iommufd" if backend == "iommufd" else "vfio_iommu_type1"
            override = value[f"{module}.allow_unsafe_interrupts"]
            refused = Outcome.BY_OVERRIDE if override else Outcome.REFUSED
            assert verdict.outcome is (refused if verdict.needs_override else Outcome.ALLOWED)


def test_an_override_from_boot_is_seen() -> None:
    report = report_of("6.1-amd64--vtd-noir-unsafe", "as-booted")
    assert {group.outcome for group in report.groups} == {Outcome.BY_OVERRIDE}


@pytest.mark.parametrize("host", ["7.3-amd64--vtd-noir-novfio"])
def test_without_a_module_the_attach_is_judged_by_what_loading_it_would_set(host: str) -> None:
    groups = {group.id: group for group in report_of(host, "as-booted").groups}
    for group in truth_of(host)["groups"]:
        if group["type1_asis"] == "EPERM":
            assert groups[group["group"]].outcome is Outcome.REFUSED


def test_a_no_iommu_group_has_no_interrupt_verdict() -> None:
    report = report_of("6.12lab-amd64--none-noiommu", "bound")
    assert report.groups
    assert {group.outcome for group in report.groups} == {Outcome.UNKNOWN}


def test_groups_of_one_boot_may_differ() -> None:
    report = report_of("6.12-amd64--vtd-ir-andd", "bound")
    outcomes = Counter(group.outcome for group in report.groups)
    assert outcomes == {Outcome.ALLOWED: 20, Outcome.REFUSED: 2}
    refused = [g.devices[0].name for g in report.groups if g.outcome is Outcome.REFUSED]
    assert refused == ["QEMU0002:00", "PNP0103:00"]


def test_the_truth_covers_every_kind_of_answer() -> None:
    counts: Counter[tuple[str, bool]] = Counter()
    for host, state in CASES:
        for _, backend, said, _ in judged(host, state):
            counts[backend, said] += 1
    assert counts["type1", True] > 300
    assert counts["type1", False] > 300
    assert counts["iommufd", True] > 50
    assert counts["iommufd", False] > 50
