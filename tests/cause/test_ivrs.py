"""Causes in AMD's table, and the option against them: complete, and in the form of this kernel."""

from __future__ import annotations

import errno
import re

import pytest

from tests.support.causing import causes, words
from tests.support.functions import Function
from tests.support.hosts import x86_host
from tests.support.packed_tables import io_apic, ivhd, ivrs, madt, madt_of, special
from vfioguard.inference.remapping import allowed
from vfioguard.kernel.firmware.acpi_tables import PATH
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory, Refused

SMBUS = Function("0000:00:14.0", "PCI-MSIX", pci_class=0x0C0500)
SOUTHBRIDGE, IOMMU = 0xA0, 2
#: Kernels that take the old form alone, and both.
OLD, NEW = "5.8.0-41-generic", "6.12.107+deb13-amd64"


def host(
    *blocks: bytes,
    release: str = NEW,
    cmdline: bytes = b"",
    io_apics: tuple[int, ...] = (4, 5),
    smbus: Function | None = SMBUS,
) -> dict[str, Entry]:
    groups: dict[int, list[Function | str]] = {0: ["0000:01:00.0"], 1: [smbus] if smbus else []}
    entries = x86_host(
        groups,
        remapping=False,
        vendor="amd",
        release=release,
        cmdline=cmdline,
    )
    return entries | {
        f"{PATH}/IVRS": ivrs(ivhd(*blocks, device=IOMMU)),
        f"{PATH}/APIC": madt(*io_apics),
        "/sys/class/dmi/id/sys_vendor": b"Maker\n",
        "/sys/class/dmi/id/product_name": b"Board 7\n",
    }


@pytest.mark.parametrize(
    ("release", "option"),
    [
        (OLD, "`ivrs_ioapic[4]=00:14.0` and `ivrs_ioapic[5]=00:00.2`"),
        (NEW, "`ivrs_ioapic=4@0000:00:14.0` and `ivrs_ioapic=5@0000:00:00.2`"),
    ],
)
def test_the_option_is_complete_and_in_the_form_that_the_kernel_takes(
    release: str, option: str
) -> None:
    found = causes(host(release=release))
    assert list(found) == ["io_apic_not_in_ivrs"]
    cause = found["io_apic_not_in_ivrs"]
    assert "leaves out IO-APICs 4 and 5, and so the timer" in cause.sentence
    assert f"Add {option}" in cause.change[0].do
    assert "IO-APIC 5 is a guess" in cause.change[1].do
    assert "impossible" not in words(cause)
    assert cause.ticket is not None
    assert "Maker Board 7" in cause.ticket


def test_an_io_apic_that_is_there_needs_no_word() -> None:
    cause = causes(host(special(5, IOMMU)))["io_apic_not_in_ivrs"]
    assert "Add `ivrs_ioapic=4@0000:00:14.0` to" in cause.change[0].do
    assert "guess" not in words(cause)


def test_a_place_that_is_not_the_southbridges_is_corrected() -> None:
    found = causes(host(special(4, 0x90), special(5, IOMMU)))
    assert list(found) == ["ivrs_no_southbridge"]
    assert "Add `ivrs_ioapic=4@0000:00:14.0` to" in found["ivrs_no_southbridge"].change[0].do


def test_the_io_apic_of_the_timer_is_that_of_interrupt_0_wherever_it_is_listed() -> None:
    entries = host() | {
        f"{PATH}/APIC": madt_of(io_apic(9, 0xFEC01000, 24), io_apic(7, 0xFEC00000, 0))
    }
    step = causes(entries)["io_apic_not_in_ivrs"].change[0].do
    assert "`ivrs_ioapic=7@0000:00:14.0`" in step
    assert "`ivrs_ioapic=9@0000:00:00.2`" in step


@pytest.mark.parametrize("smbus", [None, SMBUS._replace(name="0000:00:1f.0")])
def test_no_option_is_offered_for_a_function_that_is_not_there(smbus: Function | None) -> None:
    cause = causes(host(smbus=smbus))["io_apic_not_in_ivrs"]
    assert "ivrs_ioapic" not in words(cause)
    assert "Update the firmware" in cause.change[0].do


def test_a_virtual_machine_is_never_told_of_the_option() -> None:
    entries = host()
    entries[f"{PATH}/APIC"] = madt(4, 5).replace(b"OURSPC", b"BOCHS ")
    cause = causes(entries)["io_apic_not_in_ivrs"]
    assert "ivrs_ioapic" not in words(cause)
    assert "amd-iommu,intremap=on" in words(cause)


def test_from_7_3_4_on_the_class_of_the_function_counts() -> None:
    usb = SMBUS._replace(pci_class=0x0C0330)
    whole = (special(4, SOUTHBRIDGE), special(5, IOMMU))
    found = causes(host(*whole, release="7.3.4-amd64", smbus=usb))
    assert list(found) == ["ivrs_southbridge_class"]
    assert "no SMBus or ISA bridge function" in found["ivrs_southbridge_class"].sentence
    assert "ivrs_ioapic" not in words(found["ivrs_southbridge_class"])
    assert "ivrs_southbridge_class" not in causes(host(*whole, release="7.3.4-amd64"))
    assert "ivrs_southbridge_class" not in causes(host(*whole, smbus=usb))


@pytest.mark.parametrize("option", [b"ivrs_ioapic[4]=00:13.0", b"ivrs_ioapic=4@0000:00:13.0"])
def test_a_wrong_value_of_the_user_is_named_and_replaced(option: bytes) -> None:
    found = causes(host(special(5, IOMMU), cmdline=option))
    assert next(iter(found)) == "ivrs_ioapic_wrong"
    cause = found["ivrs_ioapic_wrong"]
    assert option.decode() in cause.sentence
    assert f"Remove `{option.decode()}`" in cause.change[0].do
    assert "add `ivrs_ioapic=4@0000:00:14.0`" in cause.change[0].do


def test_a_form_that_an_old_kernel_does_not_take_is_named() -> None:
    option = b"ivrs_ioapic=4@0000:00:14.0"
    cause = causes(host(special(5, IOMMU), cmdline=option, release="5.15.60-amd64"))[
        "ivrs_ioapic_wrong"
    ]
    assert "has a form that this kernel does not take" in cause.sentence
    assert "add `ivrs_ioapic[4]=00:14.0`" in cause.change[0].do


def test_a_word_that_spoils_a_table_without_fault_is_only_removed() -> None:
    whole = (special(4, SOUTHBRIDGE), special(5, IOMMU))
    cause = causes(host(*whole, cmdline=b"ivrs_ioapic[4]=00:13.0"))["ivrs_ioapic_wrong"]
    assert "Remove `ivrs_ioapic[4]=00:13.0` from" in cause.change[0].do
    assert " add " not in cause.change[0].do


def test_taking_intremap_off_away_comes_with_the_option_that_the_table_needs() -> None:
    found = causes(host(special(5, IOMMU), cmdline=b"intremap=off"))
    step = found["intremap_off"].change[0].do
    assert "remove `intremap=off`" in step.lower()
    assert "add `ivrs_ioapic=4@0000:00:14.0`" in step
    assert "That alone does not help" not in words(found["intremap_off"])


@pytest.mark.parametrize("word", [b"amd_iommu=off", b"iommu=off"])
def test_the_word_that_turns_amds_driver_off_is_named(word: bytes) -> None:
    whole = (special(4, SOUTHBRIDGE), special(5, IOMMU))
    found = causes(host(*whole, cmdline=word))
    assert list(found) == ["amd_iommu_off"]
    assert f"Remove `{word.decode()}`" in found["amd_iommu_off"].change[0].do
    assert "does not help" not in words(found["amd_iommu_off"])


def test_a_table_that_the_kernel_rejects_is_named() -> None:
    entries = host(special(4, SOUTHBRIDGE), special(5, IOMMU), special(1, 0, variety=7))
    cause = causes(entries)["ivrs_rejected"]
    assert "special device of no known kind" in cause.sentence
    raw = bytearray(ivrs(ivhd(special(4, SOUTHBRIDGE), special(5, IOMMU))))
    raw[9] ^= 1
    wrong = causes(entries | {f"{PATH}/IVRS": bytes(raw)})["ivrs_rejected"]
    assert "wrong checksum" in wrong.sentence
    assert "offset 9" in (wrong.ticket or "")


def test_a_function_of_another_kind_at_the_southbridges_place_is_not_offered() -> None:
    cause = causes(host(smbus=SMBUS._replace(pci_class=0x0C0330)))["io_apic_not_in_ivrs"]
    assert "ivrs_ioapic" not in words(cause)


def test_a_hygon_has_its_southbridge_elsewhere() -> None:
    entries = host(release="6.12.118-amd64", smbus=SMBUS._replace(name="0000:00:0b.0"))
    entries["/proc/cpuinfo"] = b"vendor_id\t: HygonGenuine\ncpu family\t: 24\nmodel\t\t: 4\n"
    cause = causes(entries)["io_apic_not_in_ivrs"]
    assert "`ivrs_ioapic=4@0000:00:0b.0`" in cause.change[0].do


@pytest.mark.parametrize(("release", "needed"), [("7.3.4-amd64", True), (NEW, False)])
def test_a_machine_of_qemu_gets_the_function_that_its_kernel_looks_for(
    release: str, needed: bool
) -> None:
    entries = host(release=release)
    entries[f"{PATH}/APIC"] = madt(4, 5).replace(b"OURSPC", b"BOCHS ")
    told = words(causes(entries)["io_apic_not_in_ivrs"])
    assert ("class=0x0c05" in told) is needed


def test_without_the_table_the_reader_is_told_to_look_before_intremap_off_goes() -> None:
    entries = host(cmdline=b"intremap=off") | {f"{PATH}/IVRS": Refused(errno.EACCES)}
    told = words(causes(entries)["intremap_off"])
    assert "sudo vfioguard firmware" in told
    assert "ivrs_ioapic= is needed as well" in told


def test_the_guess_is_told_wherever_the_option_is() -> None:
    told = words(causes(host(cmdline=b"intremap=off"))["intremap_off"])
    assert "IO-APIC 5 is a guess" in told


@pytest.mark.parametrize("release", [OLD, "5.15.60-amd64", "6.1.3-amd64", NEW, "7.3.4-amd64"])
@pytest.mark.parametrize(
    "entries",
    [(), (special(5, IOMMU),), (special(4, 0x90), special(5, IOMMU)), (special(4, SOUTHBRIDGE),)],
)
@pytest.mark.parametrize("given", [b"", b"ivrs_ioapic[4]=00:13.0"])
def test_with_the_words_that_are_offered_the_kernels_check_passes(
    release: str, entries: tuple[bytes, ...], given: bytes
) -> None:
    refused = host(*entries, release=release, cmdline=given)
    found = causes(refused)
    step = next(iter(found.values())).change[0].do
    removed, _, adding = step.partition(" from ") if given else ("", "", step)
    assert given.decode() in removed
    offered = " ".join(re.findall(r"`(ivrs[^`]+)`", adding)).encode()
    cured = host(*entries, release=release, cmdline=offered)
    before, after = (
        allowed.of_host(take(Memory(entries))).possible for entries in (refused, cured)
    )
    assert before is False
    assert after is True
