"""Lines of the kernel's log that bear on an attach (policy.md 1.1, 1.2 and 3.6), and of QEMU."""

from __future__ import annotations

from vfioguard.symptom import About, Line

_FIRMWARE = "look for a firmware update; vfioguard firmware shows what the tables say"
# The form of kernels from 5.4.237, 5.10.164, 5.15.103, 6.1.4 and 6.2 on (inference/borders.py).
_IVRS_IOAPIC = "ivrs_ioapic=ID@%s (before 6.2 perhaps only ivrs_ioapic[ID]=BUS:DEVICE.FUNCTION)"
_EXPLAIN = "vfioguard report names the groups, vfioguard explain group:N says what they lack"

LINES: tuple[Line, ...] = (
    Line(
        r"vfio_iommu_type1_attach_group: No interrupt remapping support",
        "an attach was refused (EPERM) because the MSIs of its group are not isolated; it names "
        "neither the device nor the group, and is written once for each attempt. Asked of the "
        "whole machine up to v6.2, of every device of the group from v6.3 on",
        f"{_EXPLAIN}; or vfio_iommu_type1.allow_unsafe_interrupts=1",
        About.INTERRUPTS,
    ),
    Line(
        r"MSI interrupts are not secure",
        "iommufd took a device whose MSIs are not isolated, as iommufd.allow_unsafe_interrupts "
        "is on: its guest can raise any interrupt of the host",
        "enable interrupt remapping, then turn the override off",
        About.INTERRUPTS,
    ),
    Line(
        r"DMAR-IR: Enabled IRQ remapping in (x2apic|xapic) mode",
        "Intel's interrupt remapping is on", "nothing", About.INTERRUPTS,
    ),
    Line(
        r"AMD-Vi: Interrupt remapping enabled",
        "AMD's interrupt remapping is on", "nothing", About.INTERRUPTS,
    ),
    Line(
        r"DMAR-IR: Failed to enable irq remapping",
        "Intel's interrupt remapping was tried and given up: it is off for every device. Written "
        "only if the processor has x2APIC",
        "read the DMAR-IR lines before it; vfioguard firmware shows what the tables allow",
        About.INTERRUPTS,
    ),
    Line(
        r"ioapic \d+ has no mapping iommu",
        "no unit of the DMAR has this IO-APIC in its scope, so interrupt remapping stays off",
        _FIRMWARE, About.INTERRUPTS,
    ),
    Line(
        r"This system BIOS has enabled interrupt remapping|on a chipset that contains an erratum",
        "the chipset (early Intel 5500, 5520 and X58) cannot remap interrupts reliably: "
        "Linux keeps it off",
        "no setting helps on this chipset; the override is all there is", About.INTERRUPTS,
    ),
    Line(
        r"Not enabling interrupt remapping due to skipped IO-APIC setup",
        "noapic, nosmp or maxcpus=0 is on the command line: interrupt remapping is not even tried",
        "take it off the command line", About.INTERRUPTS,
    ),
    Line(
        r"does not support EIM|x2apic is disabled because BIOS sets x2apic opt out",
        "x2APIC mode is lost, and nothing else: interrupt remapping works in xAPIC mode",
        "nothing for VFIO", About.INTERRUPTS,
    ),
    Line(
        r"IRQ remapping doesn't support X2APIC mode",
        "interrupt remapping is off, or works in xAPIC mode alone", _EXPLAIN, About.INTERRUPTS,
    ),
    Line(
        r"IOAPIC\[\d+\] not in IVRS table",
        "the IVRS leaves out this IO-APIC, so AMD's interrupt remapping stays off (up to 6.1.176 "
        "and 6.12.107 unless it stands before the southbridge's)",
        f"{_FIRMWARE}; or name it: {_IVRS_IOAPIC % 'SEGMENT:BUS:DEVICE.FUNCTION'}",
        About.INTERRUPTS,
    ),
    Line(
        r"No southbridge IOAPIC found",
        "the IVRS does not name the southbridge's IO-APIC at 00:14.0, so AMD's interrupt remapping "
        "stays off. From 6.1.192, 6.12.111 and 7.2 on it must be the IO-APIC of interrupt 0, on "
        "Hygon 18h models 4h to fh at 00:0b.0; from 7.3 on it must be an SMBus or ISA bridge "
        "function instead",
        f"{_FIRMWARE}; or name it: {_IVRS_IOAPIC % '0000:00:14.0'}", About.INTERRUPTS,
    ),
    Line(
        r"IVRS invalid checksum",
        "AMD's driver does without the IVRS: no DMA remapping and no interrupt remapping",
        _FIRMWARE, About.INTERRUPTS,
    ),
    Line(
        r"AMD-Vi: Disabling interrupt remapping",
        "AMD's interrupt remapping is off: the IVRS and the MADT do not agree on the IO-APICs",
        _FIRMWARE, About.INTERRUPTS,
    ),
    Line(
        r"ineligible for IOMMU domain attach due to platform RMRR",
        "firmware keeps memory for the device (RMRR): an attach is refused with EPERM up to v6.5",
        "turn off in the firmware what keeps the memory (USB legacy, iLO, RAID); no override helps",
        About.MEMORY,
    ),
    Line(
        r"Firmware has requested this device have a 1:1 IOMMU mapping",
        "firmware keeps memory for the device (RMRR, IVMD, RMR): an attach is refused with EINVAL "
        "from v6.6 on",
        "turn off in the firmware what keeps the memory; no override helps", About.MEMORY,
    ),
    Line(
        r"IOMMUFD is providing /dev/vfio/vfio, not VFIO",
        "containers are iommufd's here: iommufd.allow_unsafe_interrupts decides, "
        "vfio_iommu_type1's does nothing",
        "set the parameter of iommufd, if any", About.INTERRUPTS,
    ),
    Line(
        r"no msi-map translation for (id|rid)",
        "the device tree's msi-map leaves this id out: the device takes the MSI domain of its bus, "
        "if that has one",
        _EXPLAIN, About.INTERRUPTS,
    ),
    # QEMU's vfio_get_group(); the kernel's vfio_group_ioctl_get_status().
    Line(
        r"group \d+ is not viable|ensure all devices within the iommu_group are bound",
        "VFIO does not give the group away: a member is on a driver of the host, or, from v5.19 "
        "on, somebody else has the group",
        "bind every member to vfio-pci, or unbind it; the override does not help", About.MEMBERS,
    ),
)  # fmt: skip
