"""What `report` says of one host for each finding, as an operator reads it.

The screens are in tests/fixtures/golden/finding. `python -m tests.finding.test_screens` writes the
files anew. Read what differs before you commit it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.finding.test_findings import shared
from tests.finding.test_overrides import ACS, ENABLED
from tests.finding.test_unanswered import DEVICE
from tests.inference.test_irq_remapping import leaves_out
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from vfioguard import leaves
from vfioguard.change.state import state_of
from vfioguard.judging.evaluate import evaluate
from vfioguard.kernel.log import DMESG
from vfioguard.output import Style
from vfioguard.output.text import OUTPUT
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root import Root
from vfioguard.root.closed import Closed
from vfioguard.root.memory import Entry, Memory
from vfioguard.serve.host.previous_boot import History

GOLDEN = Path(__file__).parents[1] / "fixtures/golden/finding"
_GRUB = {"/etc/default/grub": b'GRUB_CMDLINE_LINUX_DEFAULT="quiet intremap=nosid"\n'}
_OPTION = {"/etc/modprobe.d/vfio.conf": b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n"}
_NOIOMMU = {
    "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": b"Y\n",
    "/etc/modprobe.d/vfio.conf": b"options vfio enable_unsafe_noiommu_mode=1\n",
}


def _unsafe(driver: str, *, override: bool) -> dict[str, Entry]:
    """A host that remaps no interrupts."""
    nic = Function("0000:01:00.0", "PCI-MSIX", driver)
    return x86_host({0: [nic]}, remapping=False, override=override)


def _second_doorbell() -> dict[str, Entry]:
    with_its, without = Function("0000:00:02.0", "ITS-MSI"), Function("0000:00:03.0", "MSI")
    return arm_host({1: [with_its], 2: [without]}, release="6.8.0-arm64")


#: Finding -> the host that has it.
_HOSTS: dict[str, Callable[[], dict[str, Entry]]] = {
    "acs_override": lambda: x86_host(1, cmdline=ACS) | {DMESG: ENABLED},
    "contradiction": lambda: x86_host(1, cmdline=b"intremap=off"),
    "firmware_disagrees": lambda: leaves_out(x86_host(1)),
    "host_critical": lambda: shared("ahci"),
    "noiommu_mode": lambda: x86_host(1) | _NOIOMMU,
    "override_exposes": lambda: _unsafe("vfio-pci", override=True),
    "override_not_needed": lambda: x86_host(1, override=True) | _OPTION,
    "override_returns": lambda: _unsafe("e1000e", override=False) | _OPTION,
    "second_doorbell": _second_doorbell,
    "source_id_unchecked": lambda: x86_host(1, cmdline=b"quiet intremap=nosid") | _GRUB,
    "unsafe_override": lambda: _unsafe("e1000e", override=True),
}


def _report(root: Root) -> Report:
    return evaluate(take(root), "now")


def _after_a_boot_that_remapped() -> Report:
    before = state_of(_report(Memory(x86_host(1))), "the boot before")
    lost = _report(Memory(x86_host(1, remapping=False, release="6.13.0-amd64")))
    return History(before, "/var/lib/vfioguard/previous.json").add(lost)


def report_with(name: str) -> Report:
    """The report on a host that has the finding `name`."""
    if name == "remapping_lost":
        return _after_a_boot_that_remapped()
    if name == "unanswered":
        return _report(Closed(Memory(x86_host(2)), [f"{DEVICE}/msi_irqs"]))
    return _report(Memory(_HOSTS[name]()))


def screen(name: str) -> str:
    return "".join(OUTPUT.parts(report_with(name), Style()))


FINDINGS = leaves.names("vfioguard.finding")


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_is_told_as_it_was_read(name: str) -> None:
    kept = (GOLDEN / f"{name}.txt").read_text()
    assert screen(name) == kept, "read it, and run: python -m tests.finding.test_screens"


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_says_what_to_do(name: str) -> None:
    found = [finding for finding in report_with(name).findings if finding.name == name]
    assert found
    assert all(finding.change for finding in found)


@pytest.mark.parametrize("name", FINDINGS)
def test_the_steps_of_a_finding_stand_below_it(name: str) -> None:
    lines = screen(name).splitlines()
    findings = report_with(name).findings
    (first,) = {finding.summary.split()[0] for finding in findings if finding.name == name}
    (at,) = [i for i, line in enumerate(lines) if line.split()[1:2] == [first]][:1]
    after = lines[at + 1 :]
    step = next(i for i, line in enumerate(after) if line.startswith("  - "))
    assert all(line.startswith("  ") for line in after[:step])
    assert max(map(len, lines)) <= 80


def test_there_is_no_screen_of_a_finding_that_is_gone() -> None:
    assert sorted(path.stem for path in GOLDEN.iterdir()) == list(FINDINGS)


def write() -> None:
    """Write all screens anew."""
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    for name in FINDINGS:
        (GOLDEN / f"{name}.txt").write_text(screen(name))


if __name__ == "__main__":
    write()
