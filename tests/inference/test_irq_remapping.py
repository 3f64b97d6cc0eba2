"""Whether x86 remaps interrupts, by what the kernel shows, by its log, and by its rules."""

from __future__ import annotations

import errno

import pytest

from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from tests.support.packed_tables import dmar, drhd, io_apic_scope, madt
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report
from vfioguard.root.memory import Entry, Memory, Refused
from vfioguard.verdict import Outcome

TABLES = "/sys/firmware/acpi/tables"
BRIDGE = "0000:00:00.0"


def report(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


def outcome(host: dict[str, Entry]) -> Outcome:
    (group,) = report(host).groups
    return group.outcome


def findings(host: dict[str, Entry]) -> dict[str, str]:
    return {found.name: found.summary for found in report(host).findings}


def remapped() -> dict[str, Entry]:
    """A host that remaps by its wired interrupts; its only function is on vfio-pci."""
    return x86_host({0: [Function("0000:01:00.0", driver="vfio-pci")]})


def hidden(release: str = "6.12.0-amd64") -> dict[str, Entry]:
    """A host that shows neither wired interrupts nor MSIs."""
    host = x86_host(1, msis=False, release=release)
    return {p: e for p, e in host.items() if not p.startswith(("/sys/kernel/irq", "/proc/int"))}


def logged(line: str, release: str = "6.12.0-amd64") -> dict[str, Entry]:
    return hidden(release) | {"/dev/kmsg": f"4,123,456789,-;{line}\n".encode()}


def leaves_out(host: dict[str, Entry]) -> dict[str, Entry]:
    """The host with a DMAR that leaves out IO-APIC 5."""
    table = dmar(drhd(0xFED90000, io_apic_scope(2), flags=1))
    return host | {f"{TABLES}/DMAR": table, f"{TABLES}/APIC": madt(2, 5)}


def test_a_table_does_not_stand_against_a_wired_interrupt() -> None:
    host = leaves_out(remapped())
    assert outcome(host) is Outcome.ALLOWED
    found = findings(host)
    assert list(found) == ["firmware_disagrees"]
    assert "DMAR leaves out IO-APIC 5" in found["firmware_disagrees"]
    assert f"{TABLES}/DMAR" in found["firmware_disagrees"]
    assert "/proc/interrupts" in found["firmware_disagrees"] or "/sys/kernel/irq/" in str(found)


def test_a_table_does_not_stand_against_a_chip() -> None:
    host = leaves_out(x86_host(1))
    assert outcome(host) is Outcome.ALLOWED
    assert "/sys/kernel/irq/24/chip_name" in findings(host)["firmware_disagrees"]


def test_registers_do_not_stand_against_a_wired_interrupt() -> None:
    host = remapped()
    host["/sys/devices/virtual/iommu/dmar0/intel-iommu/ecap"] = b"f42\n"
    found = report(host)
    assert found.host.remapping is not None
    assert found.host.remapping.truth is True


def test_a_table_that_agrees_is_no_finding() -> None:
    table = dmar(drhd(0xFED90000, io_apic_scope(2), flags=1))
    host = remapped() | {f"{TABLES}/DMAR": table, f"{TABLES}/APIC": madt(2)}
    assert findings(host) == {}
    assert findings(leaves_out(x86_host(1, remapping=False))) == {}


def test_where_nothing_shows_remapping_a_table_decides() -> None:
    assert outcome(hidden()) is Outcome.UNKNOWN
    assert outcome(leaves_out(hidden())) is Outcome.REFUSED


def test_what_the_kernel_shows_may_still_contradict_itself() -> None:
    host = leaves_out(x86_host(1, msis=False, cmdline=b"intremap=off"))
    assert outcome(host) is Outcome.UNKNOWN
    assert "contradiction" in findings(host)


@pytest.mark.parametrize(
    "line",
    [
        "DMAR-IR: [Firmware Bug]: ioapic 8 has no mapping iommu, interrupt remapping will be off",
        "DMAR-IR: Not enabling interrupt remapping",
        "Not enabling interrupt remapping due to skipped IO-APIC setup",
        "AMD-Vi: [Firmware Bug]: : No southbridge IOAPIC found",
        "AMD-Vi: : No southbridge IOAPIC found",
        "AMD-Vi: Disabling interrupt remapping",
        r"DMAR-IR: This system BIOS has enabled interrupt remapping\x0aon a chipset that contains",
    ],
)
def test_a_line_that_says_no_decides(line: str) -> None:
    assert outcome(logged(line)) is Outcome.REFUSED


def test_the_erratum_is_known_by_the_first_of_its_lines() -> None:
    text = (
        b"[    0.021] DMAR-IR: This system BIOS has enabled interrupt remapping\n"
        b"               on a chipset that contains an erratum making that\n"
        b"               feature unstable.  To maintain system stability\n"
        b"               interrupt remapping is being disabled.  Please\n"
        b"               contact your BIOS vendor for an update\n"
    )
    assert outcome(hidden() | {"/CAPTURE/dmesg": text}) is Outcome.REFUSED


@pytest.mark.parametrize(
    "line",
    [
        "AMD-Vi: [Firmware Bug]: : IOAPIC[4] not in IVRS table",  # old kernels may forget it
        "DMAR-IR: IOAPIC id 8 under DRHD base  0xfed91000 IOMMU 0",
        "DMAR-IR: dmar0 does not support EIM",
    ],
)
def test_a_line_that_does_not_decide_leaves_it_unknown(line: str) -> None:
    assert outcome(logged(line)) is Outcome.UNKNOWN


REFUSAL = (
    "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
    '"allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform'
)


@pytest.mark.parametrize("release", ["4.14.0", "5.10.0", "6.1.0", "6.2.0"])
def test_where_the_test_is_the_machines_one_refusal_is_everybodys(release: str) -> None:
    assert outcome(hidden(release)) is Outcome.UNKNOWN
    assert outcome(logged(REFUSAL, release)) is Outcome.REFUSED


@pytest.mark.parametrize(
    ("release", "vendor", "expected"),
    [
        ("6.1.0", "amd", Outcome.REFUSED),
        ("6.2.0", "intel", Outcome.REFUSED),
        ("6.2.0", "amd", Outcome.UNKNOWN),  # without an MSI there is no domain to fail
    ],
)
def test_a_machine_without_any_msi_has_no_domain_in_6_2(
    release: str, vendor: str, expected: Outcome
) -> None:
    host = x86_host(1, remapping=False, msis=False, release=release, vendor=vendor)
    assert outcome(host) is expected


def test_where_the_test_is_the_groups_a_refusal_names_none() -> None:
    assert outcome(logged(REFUSAL)) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("4.12.0", Outcome.UNKNOWN),  # the group may have been one whose MSIs are not translated
        ("5.10.0", Outcome.REFUSED),
        ("6.12.0", Outcome.UNKNOWN),
    ],
)
def test_on_arm_a_refusal_tells_of_a_domain_that_does_not_isolate(
    release: str, expected: Outcome
) -> None:
    host = arm_host(1, msis=False, release=release) | {"/dev/kmsg": f"4,1,2,-;{REFUSAL}\n".encode()}
    assert outcome(host) is expected


def chipset(identity: str, revision: Entry, **options: bool) -> dict[str, Entry]:
    members = {0: [Function("0000:01:00.0")], 1: [Function(BRIDGE, driver=None)]}
    host = x86_host(members, **options)  # type: ignore[arg-type]
    if not options:
        host = {p: e for p, e in host.items() if not p.startswith(("/sys/kernel/irq", "/proc/i"))}
    home = f"/sys/devices/pci0000:00/{BRIDGE}"
    uevent = f"PCI_CLASS=60000\nPCI_ID={identity}\n".encode()
    return host | {f"{home}/uevent": uevent, f"{home}/revision": revision}


@pytest.mark.parametrize(
    ("identity", "revision", "expected"),
    [
        ("8086:3403", b"0x12\n", Outcome.REFUSED),
        ("8086:3405", b"0x13\n", Outcome.REFUSED),
        ("8086:3406", b"0x13\n", Outcome.REFUSED),
        ("8086:3405", b"0x22\n", Outcome.REFUSED),
        ("8086:3403", b"0x22\n", Outcome.UNKNOWN),
        ("8086:3406", b"0x22\n", Outcome.UNKNOWN),
        ("8086:3405", b"0x14\n", Outcome.UNKNOWN),
        ("8086:3405", b"", Outcome.UNKNOWN),
        ("8086:3405", Refused(errno.EACCES), Outcome.UNKNOWN),
        ("8086:3400", b"0x13\n", Outcome.UNKNOWN),
        ("8086:29C0", b"0x02\n", Outcome.UNKNOWN),
    ],
)
def test_an_early_revision_of_intels_5500_is_not_let_remap(
    identity: str, revision: Entry, expected: Outcome
) -> None:
    assert report(chipset(identity, revision)).groups[0].outcome is expected


def test_the_chipset_does_not_stand_against_an_interrupt_that_is_remapped() -> None:
    host = chipset("8086:3405", b"0x13\n", remapping=True)
    assert take(Memory(host)).chipset is None  # nor is it read
    assert report(host).groups[0].outcome is Outcome.ALLOWED
