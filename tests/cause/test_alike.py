"""Names of causes that are found once for many groups are those that each group has itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.cause.test_laws import recorded
from tests.support.functions import Function
from tests.support.generated import broken_hosts, hosts
from tests.support.hosts import x86_host
from tests.support.laws import examples
from tests.test_agreement import HOSTS
from vfioguard.inference.host import Host
from vfioguard.judging.causes import Causes, causes_of, causes_of_ungrouped, with_ungrouped
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root import Root
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.opening import open_root


def names(causes: tuple[CauseReport, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cause.name for cause in causes))


@pytest.mark.parametrize("root", recorded())
def test_what_is_alike_has_the_causes_that_it_has_alone(root: Path) -> None:
    assert_alike(open_root(str(root)))


@given(hosts() | broken_hosts())
@settings(max_examples=examples(100))
def test_so_it_is_on_any_host(host: dict[str, Entry]) -> None:
    assert_alike(Memory(host))


def test_a_member_of_another_bus_is_the_cause_of_its_own_group_alone() -> None:
    groups = {1: ["0000:01:00.0", "PNP0103:00"], 2: ["0000:02:00.0"]}
    assert_alike(Memory(x86_host(groups, remapping=False)))


def test_so_has_each_backend_whatever_the_worst_of_them_says() -> None:
    """Without an architecture spapr_tce may be there, and nobody knows whether it tests."""
    unread, other = Function("0000:01:00.0", "IR-PCI-MSIX"), Function("0000:02:00.0", "NEW-MSI")
    groups = {0: [unread, other], 1: [Function("0000:03:00.0")]}
    host = x86_host(groups, remapping=False, override=None)
    host |= {"/proc/sys/kernel/arch": b"", "/boot/config-6.12.0-amd64": b""}
    assert_alike(Memory(host | {"/sys/kernel/irq/24/chip_name": b"\xff"}))


def assert_alike(root: Root) -> None:
    judged = judge(take(root), "now", findings=False)
    host, report = Host(judged.snapshot), judged.report
    for group in report.groups:
        own = causes_of(host, group, judged.snapshot.group(group.id))
        assert group.causes == names(own), f"group {group.id}"
    for device in with_ungrouped(host, report).ungrouped:
        assert device.causes == names(causes_of_ungrouped(host, device)), device.name
        assert device.causes, f"{device.name} has no cause"


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_of_several_reasons_does_not_decide_for_the_others(order: int) -> None:
    root = HOSTS / "6.12-arm64--dt-part" / "as-booted.tar.xz"
    judged = judge(take(open_root(str(root))), "now", findings=False)
    kept = Causes(judged.host)
    told: set[tuple[str, ...]] = set()
    for group in judged.report.groups[::order]:
        members = judged.snapshot.group(group.id)
        assert members is not None
        told.add(kept.names(group, members))
        assert kept.names(group, members) == names(causes_of(judged.host, group, members))
    assert len(told) > 1, "the groups of this boot differ"
