"""Causes in Intel's tables, registers and chipsets, and in the kernel's configuration."""

from __future__ import annotations

import errno

import pytest

from tests.support.causing import causes, words
from tests.support.hosts import x86_host
from tests.support.packed_tables import dmar, drhd, io_apic_scope, madt
from vfioguard.kernel.firmware.acpi_tables import PATH
from vfioguard.root.memory import Entry, Link, Refused

UNIT = "/sys/devices/virtual/iommu/dmar0/intel-iommu"


def host(table: bytes, *io_apics: int, ecap: bytes = b"f00f4a") -> dict[str, Entry]:
    """A host without remapping, whose unit could remap."""
    return x86_host(1, remapping=False) | {
        f"{PATH}/DMAR": table,
        f"{PATH}/APIC": madt(*io_apics or (2,)),
        f"{UNIT}/ecap": ecap + b"\n",
    }


def plain(flags: int = 1, *, base: int = 0xFED90000, **options: int) -> bytes:
    return dmar(drhd(base, io_apic_scope(2), flags=1), flags=flags, **options)


def test_the_dmars_flag_is_named_with_its_byte_for_the_vendor() -> None:
    found = causes(host(plain(0x06)))
    assert list(found) == ["dmar_forbids"]
    cause = found["dmar_forbids"]
    assert cause.sentence.startswith("Interrupt remapping is off: the firmware's DMAR table forbid")
    assert "VT-d" in (cause.change[0].where or "")
    assert cause.helps
    assert cause.ticket is not None
    for part in ("offset 37", "0x06", '"OURSPC"', '"OURTABLE"', "INTR_REMAP", "dmar_ir_support()"):
        assert part in cause.ticket


def test_the_opt_out_of_x2apic_is_no_cause() -> None:
    found = causes(host(plain(0x03)))
    assert list(found) == ["remapping_off_unexplained"]
    assert "X2APIC" not in words(found["remapping_off_unexplained"])


def test_qemus_table_is_mended_where_the_machine_runs_and_not_by_a_vendor() -> None:
    table = plain(0).replace(b"OURSPC", b"BOCHS ")
    cause = causes(host(table))["dmar_forbids"]
    assert "intel-iommu,intremap=on,caching-mode=on" in words(cause), "or QEMU refuses devices"
    assert "caching_mode='on'" in words(cause)
    assert "firmware setup" not in words(cause)
    assert cause.ticket is None


@pytest.mark.parametrize(
    ("table", "fault"),
    [(dmar(), "no remapping unit"), (plain(base=0), "address 0"), (plain(width=5), "width")],
)
def test_a_dmar_that_the_kernel_rejects_is_named(table: bytes, fault: str) -> None:
    cause = causes(host(table))["dmar_rejected"]
    assert fault in cause.sentence
    assert cause.ticket is not None
    assert fault in cause.ticket


def test_a_unit_without_ecap_ir_is_named_and_no_setting_helps() -> None:
    cause = causes(host(plain(), ecap=b"f00f42"))["unit_cannot_remap"]
    assert "dmar0 (registers at 0xfed90000)" in cause.sentence
    assert "no setting helps" in cause.sentence
    assert not cause.helps
    assert [step.where for step in cause.change if "trusted" not in step.do] == []


def test_a_unit_added_after_boot_is_not_why_remapping_is_off() -> None:
    second = "/sys/devices/virtual/iommu/dmar1"
    later = host(plain()) | {
        f"{second}/intel-iommu/address": b"fed91000\n",
        f"{second}/intel-iommu/ecap": b"f00f42\n",
        f"{second}/devices": None,
        "/sys/class/iommu/dmar1/intel-iommu/address": b"fed91000\n",
        "/sys/class/iommu/dmar1/intel-iommu/ecap": b"f00f42\n",
    }
    assert "unit_cannot_remap" not in causes(later)


def test_an_io_apic_in_no_scope_is_named_by_its_id() -> None:
    cause = causes(host(plain(), 2, 9))["io_apic_not_in_dmar"]
    assert "IO-APIC 9 in its scope" in cause.sentence
    assert cause.ticket is not None
    assert "IO-APIC 9" in cause.ticket


def test_an_io_apic_in_no_scope_is_known_from_the_log_alone() -> None:
    quiet = x86_host(1, remapping=False, msis=False) | {
        "/sys/kernel/irq/0/chip_name": b"XT-PIC\n",
        "/sys/kernel/irq/1/chip_name": b"XT-PIC\n",
        "/proc/interrupts": b"            CPU0\n   1:          9    XT-PIC    1-edge      i8042\n",
        f"{UNIT}/ecap": b"f00f4a\n",
        "/dev/kmsg": b"3,20,300,-;DMAR-IR: [Firmware Bug]: ioapic 9 has no mapping iommu, "
        b"interrupt remapping will be disabled\n6,21,301,-;DMAR-IR: Not enabling interrupt "
        b"remapping\n",
    }
    cause = causes(quiet)["io_apic_not_in_dmar"]
    assert "IO-APIC 9" in cause.sentence
    assert cause.ticket is None


CHIPSET = "/sys/devices/pci0000:00/0000:00:00.0"


def early_chipset() -> dict[str, Entry]:
    """A host with the 5500 of the erratum."""
    return host(plain()) | {
        f"{CHIPSET}/uevent": b"PCI_CLASS=60000\nPCI_ID=8086:3403\n",
        f"{CHIPSET}/revision": b"0x13\n",
        f"{CHIPSET}/subsystem": Link("../../../bus/pci"),
        "/sys/bus/pci/devices/0000:00:00.0": Link("../../../devices/pci0000:00/0000:00:00.0"),
    }


def test_the_erratum_names_the_chipset_and_its_revision() -> None:
    cause = causes(early_chipset())["chipset_erratum"]
    assert "8086:3403, revision 0x13" in cause.sentence
    assert not cause.helps
    late = early_chipset() | {f"{CHIPSET}/revision": b"0x22\n"}
    assert "chipset_erratum" not in causes(late)


def without_irq_remap() -> dict[str, Entry]:
    """A host whose kernel was built without interrupt remapping."""
    entries = host(plain())
    whole = entries["/boot/config-6.12.0-amd64"]
    assert isinstance(whole, bytes)
    without = whole.replace(b"CONFIG_IRQ_REMAP=y", b"# CONFIG_IRQ_REMAP is not set")
    return entries | {"/boot/config-6.12.0-amd64": without}


def test_a_kernel_without_irq_remap_is_named() -> None:
    found = causes(without_irq_remap())
    assert next(iter(found)) == "irq_remap_not_built"
    assert "CONFIG_IRQ_REMAP=y" in words(found["irq_remap_not_built"])


def test_a_machine_without_a_table_is_told_to_turn_its_iommu_on() -> None:
    bare = x86_host(1, remapping=False, release="6.1.0-amd64")
    for path in [path for path in bare if "/iommu/dmar0" in path or "/class/iommu/dmar0" in path]:
        del bare[path]
    bare |= {f"{PATH}/APIC": madt(2), "/sys/class/iommu": None}
    cause = causes(bare)["no_remapping_unit"]
    assert "neither DMAR nor IVRS" in cause.sentence
    assert "VT-d" in words(cause)
    assert "IOMMU (AMD)" in words(cause)


def test_where_nothing_says_why_that_is_said_with_what_shows_it() -> None:
    cause = causes(host(plain()))["remapping_off_unexplained"]
    assert "nothing that can be read says why" in cause.sentence
    assert "/proc/interrupts" in cause.sentence
    assert any("kernel's log" in step.do for step in cause.change)


def test_who_may_not_read_the_tables_is_told_to_read_them_as_root() -> None:
    entries = host(plain(0)) | {f"{PATH}/DMAR": Refused(errno.EACCES)}
    cause = causes(entries)["remapping_off_unexplained"]
    assert "as root" in cause.change[0].do
    assert "VT-d" in words(cause)
