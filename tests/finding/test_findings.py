"""What a person should look at beside the verdicts."""

from __future__ import annotations

from tests.support.functions import Function
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.roles import needed
from vfioguard.reading.take import take
from vfioguard.report import FindingReport
from vfioguard.root import ATTRIBUTE, Select
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


GIVEN, DISK = "0000:01:00.0", "0000:01:00.1"


def shared(driver: str | None, *, on_vfio: bool = True) -> dict[str, Entry]:
    """A group of two functions: one for a guest, and one with the host's disk on `driver`."""
    given = Function(GIVEN, driver="vfio-pci" if on_vfio else "e1000e")
    disk = Function(DISK, driver=driver, pci_class=0x010601)
    host = x86_host({7: [given, disk], 8: [Function("0000:02:00.0")]})
    host[needed.RECORDED] = f"{DISK} the disk of /\n0000:02:00.0 {needed.NETWORK}\n".encode()
    return host


def test_a_member_that_the_host_needs_is_found_beside_one_on_vfio() -> None:
    found = findings(shared("ahci"))["host_critical"]
    assert found.severity == "warning"
    assert found.summary == (
        f"group 7 is on VFIO with {GIVEN}, and the host needs {DISK}: it has the disk of /"
    )
    assert [step.where for step in found.change] == [None, f"driverctl unset-override {GIVEN}"]
    assert found.because.truth is False


def test_what_the_host_needs_elsewhere_or_no_more_is_no_finding() -> None:
    assert findings(shared("vfio-pci")) == {}
    assert findings(shared("ahci", on_vfio=False)) == {}


class _Watched(Memory):
    """Notes whether somebody asks what the host needs."""

    asked = False

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        self.asked = self.asked or path == needed.RECORDED
        return super().read(path, limit, select)


def test_what_the_host_needs_is_read_only_for_a_group_that_is_on_vfio_in_part() -> None:
    for host, asked in ((shared("ahci"), True), (shared("vfio-pci"), False), (x86_host(3), False)):
        root = _Watched(host)
        evaluate(take(root), "now")
        assert root.asked is asked
