"""The oracle is the kernel: what it answered to a real attach of every group (fixtures/sysfs)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

HOSTS = Path(__file__).parent / "fixtures" / "sysfs"
STATES = ("as-booted", "bound")


def states(host: str) -> list[str]:
    """Those that were recorded: a boot in which nothing could be bound has the first alone."""
    return [s for s in STATES if s == "as-booted" or (HOSTS / host / f"{s}.tar.xz").exists()]


CASES = [(host.name, state) for host in sorted(HOSTS.iterdir()) for state in states(host.name)]


def report_of(host: str, state: str) -> Report:
    return evaluate(take(open_root(str(HOSTS / host / f"{state}.tar.xz"))), "now")


def truth_of(host: str) -> dict[str, Any]:
    return json.loads((HOSTS / host / "truth.json").read_text())


def kernel_needs_override(group: dict[str, Any], backend: str, release: str) -> bool | None:
    """What the kernel said of the interrupts alone; None where it never came to that decision."""
    path = "type1" if backend == "spapr_tce" else backend  # the container, whoever is behind it
    errno, stage = group[f"{path}_safe"], group.get(f"{path}_stage_safe")
    if backend == "iommufd":
        return {"OK": False, "EPERM": True}.get(errno) if group["viable"] == 1 else None
    if (errno, stage) == ("EINVAL", "get_device") and release.startswith("5.10"):
        return False  # up to v5.18 viability is tested after the interrupts
    return {("OK", None): False, ("EPERM", "set_iommu"): True}.get((errno, stage))


def judged(host: str, state: str) -> list[tuple[dict[str, Any], str, bool, bool | None]]:
    """(group of the truth, backend, what the kernel said, what we say) where it said anything."""
    truth = truth_of(host)
    report = report_of(host, state)
    groups = {group.id: group for group in report.groups}
    alone = {device.name for device in report.ungrouped}
    found: list[tuple[dict[str, Any], str, bool, bool | None]] = []
    for group in truth["groups"]:
        ours = groups.get(group["group"])
        if ours is None:  # made by a driver that was bound between the two states
            assert state == "as-booted", f"group {group['group']} is missing"
            continue
        named = {device.name for device in ours.devices}
        joined = set(group["devices"]) - named  # when a driver was bound between the two states
        assert named <= set(group["devices"])
        assert not joined or (state == "as-booted" and joined <= alone)
        power = dict(ours.backends).get("spapr_tce") is not None
        for backend, verdict in ours.backends:
            if power and backend == "type1":
                continue  # what the truth calls so is the container, which spapr_tce has there
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
def test_no_verdict_is_unknown_where_the_kernel_decided(host: str, state: str) -> None:
    unknown = [
        (group["group"], backend) for group, backend, _, ours in judged(host, state) if ours is None
    ]
    assert not unknown


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


def told_of(host: str) -> list[tuple[str, str, bool | None]]:
    """(function without a group, what the kernel said to a bind of vfio-pci, what we say)."""
    said: dict[str, str | None] = truth_of(host).get("bind", {})
    alone = report_of(host, "as-booted").ungrouped
    errnos = [(device, said.get(device.name)) for device in alone]
    return [(device.name, errno, device.binds) for device, errno in errnos if errno is not None]


@pytest.mark.parametrize("host", sorted({host for host, _ in CASES}))
def test_a_function_without_a_group_is_bound_where_we_say_so(host: str) -> None:
    assert not [row for row in told_of(host) if row[2] is not (row[1] == "OK")]


def test_functions_without_a_group_get_one_and_do_not() -> None:
    counts = Counter(bound for host, _ in CASES for _, _, bound in told_of(host))
    assert counts[True] >= 12
    assert counts[False] >= 12
