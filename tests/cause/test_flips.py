"""The edit of the command line that a cause names takes the cause away, and moves the verdict."""

from __future__ import annotations

import re

import pytest

from tests.support.screens import MADE
from vfioguard.assumption import with_words, without_witnesses
from vfioguard.fact import Fact
from vfioguard.inference.host import Host
from vfioguard.judging.causes import causes_of, causes_without_group
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root.memory import Memory
from vfioguard.snapshot import Snapshot
from vfioguard.verdict import Outcome

OF_GROUPS = [
    "acpi_off",
    "amd_iommu_off",
    "io_apic_off",
    "its_switched_off",
    "ivrs_ioapic_wrong",
    "ivrs_no_southbridge",
    "local_apic_off",
]
WITHOUT_GROUP = ["igfx_off", "iommu_not_switched_on"]


def edited(snapshot: Snapshot, cause: CauseReport) -> Snapshot:
    """The host after the first step, and a boot: nothing shows how it was before."""
    step = cause.change[0].do
    assert "the kernel command line" in step
    removing, _, adding = step.partition(" from ") if "emove" in step else ("", "", step)
    cmdline = snapshot.kernel.cmdline
    assert isinstance(cmdline, Fact)
    removed = re.findall(r"`([^`]+)`", removing)
    assert set(removed) <= set(cmdline.value)
    words = [word for word in cmdline.value if word not in removed]
    added = re.findall(r"`([^`]+)`", adding)
    return without_witnesses(with_words(snapshot, (*words, *added)), "a boot")


@pytest.mark.parametrize("name", OF_GROUPS)
def test_a_group_is_refused_no_more(name: str) -> None:
    snapshot = take(Memory(MADE[name].host()))
    causes, outcome = of_group(snapshot)
    assert outcome is Outcome.REFUSED
    causes, outcome = of_group(edited(snapshot, causes[name]))
    assert name not in causes
    assert outcome is not Outcome.REFUSED


@pytest.mark.parametrize("name", WITHOUT_GROUP)
def test_a_function_has_this_cause_no_more(name: str) -> None:
    snapshot = take(Memory(MADE[name].host()))
    asked = MADE[name].asked[-1]
    assert name not in of_function(edited(snapshot, of_function(snapshot, asked)[name]), asked)


def of_group(snapshot: Snapshot) -> tuple[dict[str, CauseReport], Outcome]:
    judged = judge(snapshot, "now", findings=False)
    group = judged.report.groups[0]
    causes = causes_of(judged.host, group, snapshot.group(group.id))
    return {cause.name: cause for cause in causes}, group.outcome


def of_function(snapshot: Snapshot, name: str) -> dict[str, CauseReport]:
    device = next(device for device in snapshot.devices if device.name == name)
    return {cause.name: cause for cause in causes_without_group(Host(snapshot), device)}
