"""Whatever one read answers, the report stands, and no verdict turns into another."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest

from tests.support import faults
from tests.support.faults import Fault, Faulty, Watching
from tests.support.functions import CONFIG_WITHOUT_MSI, Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import GroupReport, Report
from vfioguard.root import Root
from vfioguard.root.memory import Entry, Memory

NO_MSI = Function("0000:02:00.0", driver="vfio-pci")
INTX = Function("0000:03:00.0", config=CONFIG_WITHOUT_MSI)
#: Groups of one, of a port and its endpoint, of functions without MSIs, and of a non-PCI device.
MIXED = {
    0: ["0000:00:01.0", "0000:01:00.0"],
    1: [NO_MSI],
    4: [INTX, "0000:03:00.1"],
    5: ["0000:04:00.0"],
}
HOSTS: dict[str, dict[str, Entry]] = {
    "x86 IR on": x86_host(MIXED),
    "x86 IR on, ANDD": x86_host({**MIXED, 2: ["PNP0103:00"], 6: ["0000:05:00.0", "QEMU0002:00"]}),
    "x86 IR on, no MSIs": x86_host(2, msis=False),
    "x86 IR off": x86_host(MIXED, remapping=False),
    "x86 IR off, override": x86_host(2, remapping=False, override=True, iommufd=False),
    "x86 IR off, not loaded": x86_host(
        2, remapping=False, override=None, cmdline=b"vfio_iommu_type1.allow_unsafe_interrupts=1"
    ),
    "x86 intremap=off": x86_host(2, remapping=False, msis=False, cmdline=b"intremap=off"),
    "x86 6.1 IR on": x86_host(2, release="6.1.0"),
    "x86 6.1 IR off": x86_host(2, release="6.1.0", remapping=False),
    "x86 4.12 IR on": x86_host(2, release="4.12.0"),
    "x86 4.9 IR off": x86_host(2, release="4.9.0", remapping=False),
    "amd IR on": x86_host(MIXED, vendor="amd"),
    "amd 6.1 IR on": x86_host(2, vendor="amd", release="6.1.0", msis=False),
    "arm ITS": arm_host(MIXED),
    "arm ITS, platform": arm_host({**MIXED, 2: [Function("arm-pmu", bus="platform")]}),
    "arm GICv2m": arm_host(MIXED, controller="GICv2m"),
    "arm 6.1 GICv2m": arm_host(2, controller="GICv2m", release="6.1.0"),
    "arm 4.12 ITS": arm_host(2, release="4.12.0"),
    "arm 4.9": arm_host(2, release="4.9.0"),
}

#: Answers that are no fault, as the kernel gives them too: (host, what is read, last name).
HONEST = {
    ("arm 4.12 ITS", "empty", "reserved_regions"): "a group without any region has a verdict",
}


def report(root: Root) -> Report:
    return evaluate(take(root), "now")


class Case(NamedTuple):
    path: str
    fault: Fault
    report: Report


@cache
def cases(name: str) -> tuple[Case, ...]:
    memory = Memory(HOSTS[name])
    watching = Watching(memory)
    take(watching)
    return tuple(
        Case(path, fault, report(Faulty(memory, path, fault)))
        for path in watching.paths
        for fault in faults.ALL
    )


def answers(group: GroupReport) -> dict[str, bool | None]:
    """Whether each verdict needs the override; None: unknown, or not judged."""
    judged = {name: verdict for name, verdict in group.backends if verdict is not None}
    named = {"headline": group.headline, "series": group.series, **judged}
    return {name: verdict.needs_override for name, verdict in named.items()}


def concerned(path: str, group: GroupReport, host: dict[str, Entry]) -> bool:
    names = [device.name for device in group.devices]
    irqs = [key.rpartition("/")[2] for key in host for n in names if f"/{n}/msi_irqs/" in key]
    parts = path.split("/")
    mine = [*names, *irqs, str(group.id)]
    return any(part in mine for part in parts)


@pytest.mark.parametrize("name", HOSTS)
def test_no_fault_contradicts_what_is_known_without_it(name: str) -> None:
    host = HOSTS[name]
    free = {group.id: answers(group) for group in report(Memory(host)).groups}
    wrong = [
        f"{case.fault} at {case.path}: group {group.id} {key}: {free[group.id].get(key)} -> {truth}"
        for case in cases(name)
        if (name, str(case.fault), case.path.rpartition("/")[2]) not in HONEST
        for group in case.report.groups
        if group.id in free
        for key, truth in answers(group).items()
        if truth is not None and truth is not free[group.id].get(key)
    ]
    assert wrong == []


@pytest.mark.parametrize("name", HOSTS)
def test_no_fault_loses_a_group_without_saying_so(name: str) -> None:
    host = HOSTS[name]
    ids = {group.id for group in report(Memory(host)).groups}
    wrong = [
        f"{case.fault} at {case.path}: {sorted(ids)} -> {sorted(g.id for g in case.report.groups)}"
        for case in cases(name)
        if case.report.groups_read is None and not ids <= {g.id for g in case.report.groups}
    ]
    assert wrong == []


@pytest.mark.parametrize("name", HOSTS)
def test_a_fault_at_one_device_leaves_other_groups_as_they_were(name: str) -> None:
    host = HOSTS[name]
    before = report(Memory(host)).groups
    free = {group.id: answers(group) for group in before}
    wrong = []
    for case in cases(name):
        touched = {group.id for group in before if concerned(case.path, group, host)}
        if not touched:
            continue
        wrong += [
            f"{case.fault} at {case.path}: group {group.id}: {free[group.id]} -> {answers(group)}"
            for group in case.report.groups
            if group.id in free and group.id not in touched and answers(group) != free[group.id]
        ]
    assert wrong == []
