"""A read that was given up is found, and costs its one fact."""

from __future__ import annotations

import errno

from tests.finding.test_findings import findings
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root.closed import Closed
from vfioguard.root.memory import Memory
from vfioguard.verdict import Outcome

DEVICE = "/sys/bus/pci/devices/0000:01:00.0"


def test_a_device_that_does_not_answer_is_named() -> None:
    host = Closed(Memory(x86_host(2)), [f"{DEVICE}/msi_irqs"])
    report = evaluate(take(host), "now")
    assert [found.summary for found in report.findings] == [
        "0000:01:00.0: msi_irqs does not answer: a dead device, or a driver that hangs"
    ]
    assert [group.outcome for group in report.groups] == [Outcome.UNKNOWN, Outcome.ALLOWED]
    assert [(gap.detail, gap.errno) for gap in report.gaps] == [("it does not answer", "ETIMEDOUT")]


def test_any_other_path_is_named_too() -> None:
    report = evaluate(take(Closed(Memory(x86_host(2)), ["/proc/interrupts"])), "now")
    assert [found.summary for found in report.findings] == [
        "/proc/interrupts does not answer: something in the kernel hangs"
    ]
    assert {group.outcome for group in report.groups} == {Outcome.ALLOWED}


def test_a_read_that_fails_otherwise_is_no_such_finding() -> None:
    from vfioguard.root.memory import Refused

    assert findings(x86_host(1) | {"/proc/interrupts": Refused(errno.EIO)}) == {}
