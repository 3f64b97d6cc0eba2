from __future__ import annotations

import os
from pathlib import Path

import pytest

from vfioguard.fact import Fact, Gap
from vfioguard.kernel import log
from vfioguard.root.memory import Memory
from vfioguard.root.tree import Tree

LINE = b"DMAR-IR: Enabled IRQ remapping in x2apic mode"


@pytest.mark.parametrize(
    "stamp",
    [
        b"",
        b"6,339,5140900,-;",
        b"4,339,5140900,c,caller=T1;",
        b"6,1,0,-,caller=C12;",
        b"[    5.140900] ",
        b"[12345.140900] ",
        b"<6>[    5.140900] ",
        b"[    5.140900][    T1] ",
        b"[    5.140900] [    T1] ",
        b"<4>[    5.140900][   C12] ",
    ],
)
def test_the_time_stamp_is_taken_off(stamp: bytes) -> None:
    assert log.parse(log.select(stamp + LINE + b"\n")) == (LINE.decode(),)


# policy.md 3.6
@pytest.mark.parametrize(
    "line",
    [
        b"DMAR-IR: Enabled IRQ remapping in xapic mode",
        b"AMD-Vi: Interrupt remapping enabled",
        b"DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.",
        b"DMAR-IR: [Firmware Bug]: ioapic 8 has no mapping iommu",
        b"Not enabling interrupt remapping due to skipped IO-APIC setup",
        b"DMAR-IR: This system BIOS has enabled interrupt remapping",
        b"This system BIOS has enabled interrupt remapping",
        b"AMD-Vi: [Firmware Bug]: : IOAPIC[4] not in IVRS table",
        b"AMD-Vi: Disabling interrupt remapping",
        b"x2apic: IRQ remapping doesn't support X2APIC mode",
        b"ITS [mem 0x08080000-0x0809ffff]",
        b"ITS@0x0000000008080000: allocated 8192 Devices @100100000 (indirect, esz 8)",
        b"ITS: No ITS available, not enabling LPIs",
        b"GICv3: CPU0: using allocated LPI pending table @0x0000000043a40000",
        b"GIC: enabling workaround for ITS: Socionext Synquacer pre-ITS",
        b"GICv5 ITS: ITS its@2f120000 enabled using linear device table device_id_bits 16",
        b"ITS@0x0000000008080000: No ITS detected, giving up",
        b"PCI/MSI: its@8080000 domain created",
        b"GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]",
        b"vfio_iommu_type1_attach_group: No interrupt remapping support.",
        b"IOMMUFD is providing /dev/vfio/vfio, not VFIO.",
        b"pci 0000:00:02.0: DMAR: Disabling IOMMU for graphics on this chipset",
        b"Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected peer-to-peer DMA",
    ],
)
def test_a_line_of_a_driver_that_bears_on_isolation_is_kept(line: bytes) -> None:
    assert log.parse(log.select(b"6,1,2,-;" + line + b"\n")) == (line.decode(),)


def test_of_unknown_words_of_the_command_line_only_those_are_kept_that_are_asked_for() -> None:
    line = (
        b'5,1,2,-;Unknown kernel command line parameters "cryptdevice=UUID=2f9c BOOT_IMAGE=/v '
        b'pcie_acs_override=downstream xpcie_acs_override=1", will be passed to user space.\n'
    )
    kept = (
        'Unknown kernel command line parameters "pcie_acs_override=downstream", '
        "will be passed to user space."
    )
    selected = log.select(line)
    assert selected == f"5,1,2,-;{kept}\n".encode()
    assert log.parse(line) == log.parse(selected) == (kept,)
    assert log.unknown_words((kept,)) == ("pcie_acs_override=downstream",)
    assert log.unknown_words(("DMAR: IOMMU enabled",)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"6,1,2,-;EXT4-fs (sda1): mounted filesystem 2f9cb9f5-0f2b",
        b"6,1,2,-;Command line: root=UUID=2f9cb9f5",
        b"6,1,2,-;usb 1-1: SerialNumber: 0123",
        b"6,1,2,-;a user said DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"12,1,2,-;DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b"<14>[    1.000000] DMAR-IR: Enabled IRQ remapping in x2apic mode",
        b" SUBSYSTEM=pci",
        b" DEVICE=+pci:0000:00:02.0",
        b"",
    ],
)
def test_every_other_line_is_dropped(line: bytes) -> None:
    assert log.select(line + b"\n") == b""


def test_a_stamp_inside_a_line_stays() -> None:
    line = b"AMD-Vi: at [    1.000000] and 1,2,3,-;"
    assert log.parse(line + b"\n") == (line.decode(),)


def test_the_text_of_dmesg_stands_in_where_a_recorded_tree_has_no_kmsg() -> None:
    reading = log.read(Memory({"/CAPTURE/dmesg": b"[    5.140900] " + LINE + b"\n"}))
    assert isinstance(reading, Fact)
    assert reading.value == (LINE.decode(),)


def test_a_log_without_any_such_line_is_a_fact_and_no_gap() -> None:
    reading = log.read(Memory({"/dev/kmsg": b"6,1,2,-;Linux version 6.12\n"}))
    assert isinstance(reading, Fact)
    assert reading.value == ()


def test_without_a_log_there_is_a_gap() -> None:
    assert isinstance(log.read(Memory({})), Gap)


def test_a_fifo_is_no_empty_log(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev" / "kmsg")
    reading = log.read(Tree(str(tmp_path)))
    assert isinstance(reading, Gap)
    assert reading.errno == "EINVAL"
