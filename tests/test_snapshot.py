"""What is read of a host, what is not, and what a host that changes meanwhile costs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import trees
from tests.support.changing import Vanishing
from tests.support.faults import Watching
from tests.support.functions import Function
from tests.support.generated import broken_hosts, hosts
from tests.support.hosts import arm_host, x86_host
from vfioguard.fact import Fact
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.members import Members
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.tree import Tree
from vfioguard.snapshot import Snapshot

BDF = "0000:01:00.0"


def groups(snapshot: Snapshot) -> dict[int, Members]:
    found = snapshot.groups.value if isinstance(snapshot.groups, Fact) else ()
    return {members.group.id: members for members in found}


def names(members: Members) -> list[str]:
    return [device.name for device in members.devices]


@given(broken_hosts())
@settings(max_examples=150, deadline=None)
def test_whatever_a_host_is_made_of_it_has_a_report(host: dict[str, Entry]) -> None:
    evaluate(take(Memory(host)), "now")


@given(hosts())
@settings(max_examples=60, deadline=None)
def test_a_host_that_did_not_change_gives_the_same_snapshot(host: dict[str, Entry]) -> None:
    assert take(Memory(host)) == take(Memory(host))


@given(hosts())
@settings(max_examples=60, deadline=None)
def test_every_device_is_in_one_group_or_in_none(host: dict[str, Entry]) -> None:
    snapshot = take(Memory(host))
    grouped = [device.name for members in groups(snapshot).values() for device in members.devices]
    ungrouped = [device.name for device in snapshot.devices]
    assert len({*grouped, *ungrouped}) == len(grouped) + len(ungrouped)


def test_groups_have_their_members_whatever_their_bus() -> None:
    members = groups(take(Memory(x86_host({0: [BDF, "PNP0103:00"], 7: ["0000:02:00.0"]}))))
    assert {number: names(one) for number, one in members.items()} == {
        0: [BDF, "PNP0103:00"],
        7: ["0000:02:00.0"],
    }


def test_a_group_is_not_listed_where_its_iommu_names_its_devices() -> None:
    root = Watching(Memory(x86_host(8)))
    take(root)
    assert not [path for path in root.asked("listdir") if "/iommu_groups/" in path]


@pytest.mark.parametrize("lost", ["/sys/class/iommu", "/sys/devices/virtual/iommu/dmar0/devices"])
def test_groups_are_listed_where_it_does_not(lost: str) -> None:
    host = x86_host({0: [BDF, "PNP0103:00"]})
    host = {path: entry for path, entry in host.items() if not path.startswith(lost)}
    assert names(groups(take(Memory(host)))[0]) == [BDF, "PNP0103:00"]


# Configuration space is slow to read, and reading it can wake a device (policy.md 6.3).
AWAKE = Function("0000:01:00.0")
ASLEEP = Function("0000:02:00.0", awake=False)
WITH_MSI = Function("0000:03:00.0", "PCI-MSIX")


@pytest.mark.parametrize(
    ("host", "read"),
    [
        (x86_host({0: [AWAKE, ASLEEP, WITH_MSI]}, remapping=False), ["0000:01:00.0"]),
        (x86_host({0: [AWAKE, ASLEEP]}, remapping=True), []),
        (arm_host({0: [AWAKE, ASLEEP]}), []),
        (arm_host({0: [AWAKE]}, controller=None, release="6.1.0"), []),
    ],
)
def test_configuration_space_is_read_only_where_it_decides(
    host: dict[str, Entry], read: list[str]
) -> None:
    root = Watching(Memory(host))
    take(root)
    found = [path.split("/")[-2] for path in root.asked("read") if path.endswith("/config")]
    assert found == read


def test_configuration_space_of_a_device_without_a_group_is_not_read() -> None:
    host = x86_host(1, remapping=False, msis=False)
    del host[f"/sys/devices/pci0000:01/{BDF}/iommu_group"]
    del host[f"/sys/kernel/iommu_groups/0/devices/{BDF}"]
    del host[f"/sys/devices/virtual/iommu/dmar0/devices/{BDF}"]
    root = Watching(Memory(host))
    assert [device.name for device in take(root).devices] == [BDF]
    assert not [path for path in root.paths if path.endswith("/config")]


def test_a_root_offers_nothing_that_writes() -> None:
    offered = {name for name in dir(Tree("/")) if not name.startswith("_")}
    assert offered == {
        "head", "listdir", "path", "read", "readlink", "records", "search", "source",
        "subdirectories", "under",
    }  # fmt: skip


HOSTS = {
    "x86": x86_host({0: [BDF], 1: ["0000:02:00.0", "0000:02:00.1"], 2: ["PNP0103:00"]}),
    "x86 without remapping": x86_host({0: [BDF], 1: ["0000:02:00.0"]}, remapping=False),
    "arm": arm_host({0: [BDF], 1: ["0000:02:00.0"]}),
}


def without(host: dict[str, Entry], *parts: str) -> dict[str, Entry]:
    """The host once everything named so is gone."""
    return {p: e for p, e in host.items() if not any(f"/{part}/" in f"{p}/" for part in parts)}


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize(
    "parts", [(BDF,), ("iommu_groups/0",), (BDF, "iommu_groups/0"), ("dmar0",)]
)
def test_what_vanishes_in_mid_scan_costs_no_other_group(name: str, parts: tuple[str, ...]) -> None:
    host = HOSTS[name]
    before = {group.id: group for group in evaluate(take(Memory(host)), "now").groups}
    watching = Watching(Memory(host))
    take(watching)
    after = Memory(without(host, *parts))
    for call in range(len(watching.calls) + 1):
        report = evaluate(take(Vanishing(Memory(host), after, call)), "now")
        found = {group.id: group for group in report.groups}
        assert found.keys() | {0} == before.keys()
        for number, group in found.items():
            truth = group.headline.needs_override
            if number == 0 or parts == ("dmar0",):
                assert truth in {None, before[number].headline.needs_override}
            else:
                assert truth is before[number].headline.needs_override


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("kind", ["live", "directory"])
def test_a_hundred_scans_leave_no_descriptor_open(kind: str, tmp_path: Path) -> None:
    path = "/" if kind == "live" else trees.write(tmp_path, x86_host(3))
    take(Tree(path))
    before = descriptors()
    for _ in range(100):
        take(Tree(path))
    assert descriptors() == before


def test_a_scan_that_meets_odd_files_leaves_no_descriptor_open(tmp_path: Path) -> None:
    host = x86_host(2)
    host["/sys/kernel/irq/24/chip_name"] = b"x" * 5000
    host["/proc/kallsyms"] = None
    tree = Tree(trees.write(tmp_path, host))
    take(tree)
    before = descriptors()
    for _ in range(20):
        take(tree)
    assert descriptors() == before


def test_threads_may_share_a_directory(tmp_path: Path) -> None:
    host = x86_host(6)
    tree = Tree(trees.write(tmp_path, host))
    with ThreadPoolExecutor(8) as pool:
        snapshots = list(pool.map(lambda _: take(tree), range(32)))
    assert all(snapshot == take(Memory(host)) for snapshot in snapshots)


@given(st.sampled_from(sorted(HOSTS)), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_a_directory_kept_open_sees_what_changed(
    tmp_path_factory: pytest.TempPathFactory, name: str, number: int
) -> None:
    directory = tmp_path_factory.mktemp("host")
    host = HOSTS[name]
    tree = Tree(trees.write(directory, host))
    take(tree)  # it remembers directories, never what is in a file
    path = "/sys/kernel/iommu_groups/0/type"
    (directory / path[1:]).write_bytes(b"identity\n" * (number % 2) or b"DMA-FQ\n")
    changed = host | {path: b"identity\n" * (number % 2) or b"DMA-FQ\n"}
    assert take(tree) == take(Memory(changed))
