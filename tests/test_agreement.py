"""The oracle is the kernel: what it answered to a real attach of every group (fixtures/sysfs)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lab import judge as lab_judge
from vfioguard.attach import Ask, Attach, Attachment, How
from vfioguard.blocker import Attempt
from vfioguard.judging.attachments import all_blocked
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import evaluate, judge
from vfioguard.reading.take import take
from vfioguard.report import Choice, Report
from vfioguard.root.opening import open_root
from vfioguard.verdict import Outcome

HOSTS = Path(__file__).parent / "fixtures" / "sysfs"


def states(host: str) -> list[str]:
    """Those that were recorded: a boot in which nothing could be bound has the first alone."""
    return lab_judge.states(str(HOSTS / host))


CASES = [(host.name, state) for host in sorted(HOSTS.iterdir()) for state in states(host.name)]


def report_of(host: str, state: str) -> Report:
    return evaluate(take(open_root(str(HOSTS / host / f"{state}.tar.xz"))), "now")


def truth_of(host: str) -> dict[str, Any]:
    return json.loads((HOSTS / host / "truth.json").read_text())


def judged(host: str, state: str) -> list[tuple[dict[str, Any], str, bool, bool | None]]:
    """(group of the truth, backend, the kernel wants the override, we say so) where it said."""
    return [
        (row.group, row.backend, not row.kernel, None if row.ours is None else not row.ours)
        for row in lab_judge.compared(truth_of(host), report_of(host, state), state)
    ]


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


#: The calls of an attach as the truth has them.
STAGES = {
    "open": "open",
    "set_container": "VFIO_GROUP_SET_CONTAINER",
    "set_iommu": "VFIO_SET_IOMMU",
    "get_device": "VFIO_GROUP_GET_DEVICE_FD",
}


def kernel_answered(
    group: dict[str, Any], backend: str, *, override: bool | None
) -> tuple[str | None, str | None] | None:
    """The errno and the call of a real attach, both None if it succeeded. None if none was tried.

    The truth has no stage for iommufd, whose devices were bound to it by their own nodes.
    """
    path = "type1" if backend == "spapr_tce" else backend
    mode = "unsafe" if override else "safe"
    errno = group.get(f"{path}_{mode}")
    if group["viable"] == -1 or errno in {None, "-"}:
        return None
    if errno == "OK":
        return None, None
    stage = STAGES[group[f"{path}_stage_{mode}"]] if path == "type1" else "VFIO_DEVICE_BIND_IOMMUFD"
    return errno, stage


def attached(host: str) -> list[tuple[int, str, tuple[str | None, str | None], Attachment | None]]:
    """(group, backend, what the kernel answered, our Attachment) for each attach that was tried."""
    report = report_of(host, "bound")
    groups = {group.id: group for group in report.groups}
    values = {override.name: override.value for override in report.overrides}
    rows: list[tuple[int, str, tuple[str | None, str | None], Attachment | None]] = []
    for group in truth_of(host)["groups"]:
        ours = dict(groups[group["group"]].attachments)
        container = "type1" if ours.get("spapr_tce") is None else "spapr_tce"
        for backend in (container, "iommufd"):
            module = "iommufd" if backend == "iommufd" else "vfio_iommu_type1"
            override = values[f"{module}.allow_unsafe_interrupts"]
            said = kernel_answered(group, backend, override=override)
            if said is not None:
                rows.append((group["group"], backend, said, ours.get(backend)))
    return rows


BOUND = sorted({host for host, state in CASES if state == "bound"})


@pytest.mark.parametrize("host", BOUND)
def test_the_attach_as_it_stands_is_the_kernels(host: str) -> None:
    for number, backend, said, ours in attached(host):
        assert ours is not None, f"group {number}: {backend} is not judged, and the kernel has it"
        passes = ours.now in {Attach.YES, Attach.BY_OVERRIDE}
        assert (ours.errno, ours.call) == said, f"group {number} by {backend}"
        assert passes is (said[0] is None), f"group {number} by {backend}"
        assert ours.now is not Attach.UNKNOWN


def test_the_attaches_cover_every_call_and_errno() -> None:
    counts = Counter((said, backend) for host in BOUND for _, backend, said, _ in attached(host))
    by_kernel = Counter(said for said, _ in counts.elements())
    assert counts.total() >= 883
    assert by_kernel[None, None] > 300
    assert by_kernel["EPERM", "VFIO_SET_IOMMU"] > 300
    for said in (
        ("EPERM", "VFIO_GROUP_SET_CONTAINER"),
        ("EINVAL", "VFIO_GROUP_SET_CONTAINER"),
        ("EINVAL", "VFIO_GROUP_GET_DEVICE_FD"),
        ("ENODEV", "VFIO_SET_IOMMU"),
        ("EPERM", "VFIO_DEVICE_BIND_IOMMUFD"),
    ):
        assert by_kernel[said], said


#: Binds that Debian's kernels do not have: vfio-platform was built for x86 in this boot.
_BUILT = {
    ("6.12-amd64--vtd-ir-andd", "QEMU0002:00"),
    ("6.12-amd64--vtd-ir-andd", "PNP0103:00"),
}


def bound(host: str) -> list[tuple[str, str, str | None]]:
    """(device, what the kernel said to a bind of a VFIO driver, our errno, "OK" or None)."""
    judged_host = judge(take(open_root(str(HOSTS / host / "as-booted.tar.xz"))), "now")
    whole = judged_host.host
    places = {d.name: (m, d) for m in judged_host.snapshot.members for d in m.devices}
    alone = {device.name for device in judged_host.report.ungrouped}
    rows: list[tuple[str, str, str | None]] = []
    for name, said in (truth_of(host).get("bind") or {}).items():
        if name in alone:
            functions = ((None, name),)
            [answer] = check(judged_host, [], [Ask(name, functions)], Choice(), How())
            refused = answer.call == "bind" and answer.answer is Attach.NO
            rows.append((name, said, answer.errno if refused else "OK"))
        elif name in places:
            members, device = places[name]
            attempt = Attempt(
                host=whole, members=members, backend="type1",
                binding=(device,), used=(device,), as_is=False,
            )  # fmt: skip
            met = sorted(
                (each.place, each.errno)
                for _, each in all_blocked(attempt)
                if each.call == "bind" and each.because.truth
            )
            rows.append((name, said, met[0][1] if met else "OK"))
    return rows


@pytest.mark.parametrize("host", sorted({host for host, _ in CASES}))
def test_a_bind_answers_what_the_kernel_answered(host: str) -> None:
    wrong = [row for row in bound(host) if row[2] != row[1] and (host, row[0]) not in _BUILT]
    assert not wrong


def test_the_binds_are_of_every_errno() -> None:
    counts = Counter(said for host, _ in {*CASES} for _, said, _ in bound(host))
    assert counts["OK"] > 1000
    assert counts["EINVAL"] > 20
    assert counts["ENODEV"] > 20
    assert counts["EBUSY"] >= 2


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
