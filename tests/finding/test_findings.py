"""What a person should look at beside the verdicts."""

from __future__ import annotations

from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import FindingReport
from vfioguard.root.memory import Entry, Memory
from vfioguard.verdict import Outcome


def findings(host: dict[str, Entry]) -> dict[str, FindingReport]:
    report = evaluate(take(Memory(host)), "now")
    return {found.name: found for found in report.findings}


def test_an_ordinary_host_has_none() -> None:
    assert findings(x86_host(2)) == {}
    assert findings(x86_host(2, remapping=False)) == {}


def test_a_contradiction_names_both_sources() -> None:
    host = x86_host(1, cmdline=b"intremap=off")
    found = findings(host)["contradiction"]
    assert found.severity == "critical"
    assert "/proc/cmdline" in found.summary
    assert "/sys/kernel/irq/" in found.summary
    assert found.because.truth is None


def test_an_override_is_found_for_the_backend_that_has_it() -> None:
    assert "vfio_iommu_type1" in findings(x86_host(1, override=True))["unsafe_override"].summary
    assert "iommufd" in findings(x86_host(1, iommufd=True))["unsafe_override"].summary


def test_remapping_without_source_ids_is_isolated_and_found() -> None:
    host = x86_host(1, cmdline=b"intremap=nosid")
    assert list(findings(host)) == ["source_id_unchecked"]
    assert evaluate(take(Memory(host)), "now").groups[0].outcome is Outcome.ALLOWED
