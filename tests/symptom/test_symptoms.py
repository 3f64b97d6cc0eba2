"""Errnos and lines: every line of a real kernel or QEMU is known, whatever stands before it."""

from __future__ import annotations

import errno
import os
import re

import pytest

from vfioguard.symptom import causes_of, meaning, told_errno
from vfioguard.symptom.errors import ERRORS, WORDS
from vfioguard.symptom.lines import LINES

#: As kernels from 4.10 to 7.3 write them.
REAL = (
    (
        "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
        '"allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform'
    ),
    "DMAR-IR: Enabled IRQ remapping in x2apic mode",
    "DMAR-IR: Enabled IRQ remapping in xapic mode",
    "AMD-Vi: Interrupt remapping enabled",
    "DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.",
    "DMAR-IR: [Firmware Bug]: ioapic 8 has no mapping iommu, interrupt remapping will be disabled",
    (
        "DMAR-IR: This system BIOS has enabled interrupt remapping on a chipset that contains an "
        "erratum making that feature unstable."
    ),
    "Not enabling interrupt remapping due to skipped IO-APIC setup",
    "DMAR-IR: dmar0 does not support EIM",
    "x2apic is disabled because BIOS sets x2apic opt out bit.",
    "x2apic: IRQ remapping doesn't support X2APIC mode",
    "AMD-Vi: [Firmware Bug]: : IOAPIC[4] not in IVRS table",
    "AMD-Vi: [Firmware Bug]: : No southbridge IOAPIC found",
    "AMD-Vi: Disabling interrupt remapping",
    "AMD-Vi: [Firmware Bug]: IVRS invalid checksum",
    (
        "vfio-pci 0000:03:00.0: DMAR: Device is ineligible for IOMMU domain attach due to platform "
        "RMRR requirement.  Contact your platform vendor."
    ),
    (
        "Firmware has requested this device have a 1:1 IOMMU mapping, rejecting "
        "configuring the device without a 1:1 mapping. Contact your platform vendor."
    ),
    "IOMMUFD is providing /dev/vfio/vfio, not VFIO.",
    "vfio-pci 0000:03:00.0: MSI interrupts are not secure, they cannot be isolated by",
    "OF: /pcie@10000000: no msi-map translation for id 0x8 on (null)",
    "qemu-system-x86_64: -device vfio-pci,host=01:00.0: vfio 0000:01:00.0: group 15 is not viable",
    "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
)


@pytest.mark.parametrize("line", REAL)
@pytest.mark.parametrize("before", ["", "[    1.234567] ", "Nov 27 20:00:01 host kernel: "])
def test_a_line_of_a_real_kernel_is_known(line: str, before: str) -> None:
    found = meaning(before + line)
    assert found is not None
    assert found.means


def test_each_known_line_is_one_that_kernels_write() -> None:
    for line in LINES:
        real = any(re.search(line.pattern, real) for real in REAL)
        assert real, f"the line {line.pattern!r} lacks one of a real kernel in REAL of this file"


def test_a_line_has_one_meaning() -> None:
    for real in REAL:
        assert sum(re.search(line.pattern, real) is not None for line in LINES) == 1, real


@pytest.mark.parametrize("line", ["", "usb 1-1: new high-speed USB device", "DMAR: Host address"])
def test_other_lines_are_not_guessed(line: str) -> None:
    assert meaning(line) is None


def test_every_errno_is_one_and_each_cause_says_when_why_and_what_to_do() -> None:
    for name, causes in ERRORS.items():
        assert hasattr(errno, name)
        for cause in causes:
            assert all((cause.call, cause.kernels, cause.why, cause.change))


#: Messages, and the errno that each tells.
TOLD = [
    ("Operation not permitted", "EPERM"),
    (
        "qemu: vfio 0000:01:00.0: Failed to set iommu for container: Operation not permitted",
        "EPERM",
    ),
    ("vfio-pci: probe of 0000:01:00.0 failed with error -22", "EINVAL"),
    ("vfio-pci 0000:01:00.0: probe with driver vfio-pci failed with error -16", "EBUSY"),
    ("Could not open '/dev/vfio/15': Device or resource busy", "EBUSY"),
    ("failed to bind: No such device", "ENODEV"),
    ("No such device or address", None),
    ("probe failed with error -2", None),
    ("error -999", None),
    ("terror -1 of permitted operations", None),
]


@pytest.mark.parametrize(("text", "name"), TOLD)
def test_an_errno_is_told_in_words_or_as_the_kernel_numbers_it(text: str, name: str | None) -> None:
    assert told_errno(text) == name


def test_words_are_those_of_the_c_library() -> None:
    for words, name in WORDS.items():
        assert re.fullmatch(words, os.strerror(getattr(errno, name)))
        assert causes_of(name)
