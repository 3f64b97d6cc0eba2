"""What the verdicts are worth in a container, against what the kernels of the hosts answered."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from lab.judge import needs_override
from tests import test_agreement as truth
from tests.support.contained import Contained
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Memory
from vfioguard.root.opening import open_root

DOCUMENT = Path(__file__).parent.parent / "docs" / "container.md"
HOSTS = sorted(host.name for host in truth.HOSTS.iterdir())


def contained(host: str, state: str) -> Report:
    root = open_root(str(truth.HOSTS / host / f"{state}.tar.xz"))
    return evaluate(take(Contained(root)), "now")


@cache
def against_the_kernel(host: str) -> Counter[str]:
    """How many verdicts are equal, unknown and wrong."""
    counts: Counter[str] = Counter()
    kernel = truth.truth_of(host)
    for state in truth.states(host):
        groups = {group.id: group for group in contained(host, state).groups}
        for group in kernel["groups"]:
            ours = groups.get(group["group"])
            for backend, verdict in ours.backends if ours else ():
                said = needs_override(group, backend, kernel["release"])
                if said is not None and verdict is not None:
                    answer = verdict.needs_override
                    equal = "equal" if answer is said else "wrong"
                    counts["unknown" if answer is None else equal] += 1
    return counts


@pytest.mark.parametrize("host", HOSTS)
def test_in_a_container_no_verdict_is_wrong(host: str) -> None:
    assert against_the_kernel(host)["wrong"] == 0


@pytest.mark.parametrize("host", [host for host in HOSTS if "amd64" in host])
def test_in_a_container_on_x86_no_verdict_is_lost(host: str) -> None:
    assert against_the_kernel(host)["unknown"] == 0


def test_in_a_container_on_arm_most_devices_need_the_tables() -> None:
    counts = against_the_kernel("6.1-arm64--its-smmu-acpi")
    assert counts["unknown"] == counts.total()


def test_the_document_says_how_many_verdicts_are_lost() -> None:
    counts: Counter[str] = sum(map(against_the_kernel, HOSTS), Counter())
    text = " ".join(DOCUMENT.read_text().split())
    assert f"answers of real kernels to {counts.total():,} attaches" in text
    assert f"Without the tables {counts['unknown']} verdicts on Arm become `unknown`" in text


@pytest.mark.parametrize("host", HOSTS)
def test_masked_firmware_is_hidden_and_never_absent(host: str) -> None:
    """`absent` would mean that this machine has no such table, from which much follows."""
    report = contained(host, "as-booted")
    has_firmware = {state for _, state in truth.report_of(host, "as-booted").firmware} != {"absent"}
    if has_firmware:
        assert {state for _, state in report.firmware} == {"hidden"}
        assert "/sys/firmware/acpi/tables" in {gap.source for gap in report.gaps}


def test_an_override_that_the_hosts_configuration_may_set_is_not_known() -> None:
    """The modprobe.d of an image is not the host's; the image closes its own."""
    host = x86_host(1, override=None)
    before = evaluate(take(Memory(host)), "now")
    inside = evaluate(take(Contained(Memory(host))), "now")
    assert [one.pending for one in before.overrides if one.value is None] == [False] * 3
    assert [one.pending for one in inside.overrides if one.value is None] == [None] * 3
