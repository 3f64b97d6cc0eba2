"""Lines of the kernel's log that bear on an attach (policy.md 1.1, 1.2 and 3.6), and of QEMU."""

from __future__ import annotations

from vfioguard.symptom import About, Line

_FIRMWARE = "look for a firmware update; vfioguard firmware shows what the tables say"
# Kernels take this form from 5.4.237, 5.10.164, 5.15.103, 6.1.4 and 6.2 on (inference/borders.py).
_IVRS_IOAPIC = "ivrs_ioapic=ID@%s (before 6.2 perhaps only ivrs_ioapic[ID]=BUS:DEVICE.FUNCTION)"
_EXPLAIN = "vfioguard report names the groups, vfioguard explain group:N says what they lack"

LINES: tuple[Line, ...] = (
    Line(
        pattern=r"vfio_iommu_type1_attach_group: No interrupt remapping support",
        means="an attach was refused (EPERM) because the MSIs of its group are not isolated; it "
        "names neither the device nor the group, and is written once for each attempt. Asked of "
        "the whole machine up to v6.2, of every device of the group from v6.3 on",
        change=f"{_EXPLAIN}; or vfio_iommu_type1.allow_unsafe_interrupts=1",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"MSI interrupts are not secure",
        means="iommufd took a device whose MSIs are not isolated, as "
        "iommufd.allow_unsafe_interrupts is on: its guest can raise any interrupt of the host",
        change="enable interrupt remapping, then turn the override off",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"DMAR-IR: Enabled IRQ remapping in (x2apic|xapic) mode",
        means="Intel's interrupt remapping is on",
        change="nothing",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"AMD-Vi: Interrupt remapping enabled",
        means="AMD's interrupt remapping is on",
        change="nothing",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"DMAR-IR: Failed to enable irq remapping",
        means="Intel's interrupt remapping was tried and given up: it is off for every device. "
        "Written only if the processor has x2APIC",
        change="read the DMAR-IR lines before it; vfioguard firmware shows what the tables allow",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"ioapic \d+ has no mapping iommu",
        means="no unit of the DMAR has this IO-APIC in its scope, so interrupt remapping stays off",
        change=_FIRMWARE,
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"This system BIOS has enabled interrupt remapping|"
        r"on a chipset that contains an erratum",
        means="the chipset (early Intel 5500, 5520 and X58) cannot remap interrupts reliably: "
        "Linux keeps it off",
        change="no setting helps on this chipset; the override is all there is",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"Not enabling interrupt remapping due to skipped IO-APIC setup",
        means="noapic, nosmp or maxcpus=0 is on the command line: interrupt remapping is not even "
        "tried",
        change="take it off the command line",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"does not support EIM|x2apic is disabled because BIOS sets x2apic opt out",
        means="x2APIC mode is lost, and nothing else: interrupt remapping works in xAPIC mode",
        change="nothing for VFIO",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"IRQ remapping doesn't support X2APIC mode",
        means="interrupt remapping is off, or works in xAPIC mode alone",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"IOAPIC\[\d+\] not in IVRS table",
        means="the IVRS leaves out this IO-APIC, so AMD's interrupt remapping stays off (up to "
        "6.1.176 and 6.12.107 unless it stands before the southbridge's)",
        change=f"{_FIRMWARE}; or name it: {_IVRS_IOAPIC % 'SEGMENT:BUS:DEVICE.FUNCTION'}",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"No southbridge IOAPIC found",
        means="the IVRS does not name the southbridge's IO-APIC at 00:14.0, so AMD's interrupt "
        "remapping stays off. From 6.1.192, 6.12.111 and 7.2 on it must be the IO-APIC of "
        "interrupt 0, on Hygon 18h models 4h to fh at 00:0b.0; from 7.3 on it must be an SMBus or "
        "ISA bridge function instead",
        change=f"{_FIRMWARE}; or name it: {_IVRS_IOAPIC % '0000:00:14.0'}",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"IVRS invalid checksum",
        means="AMD's driver does without the IVRS: no DMA remapping and no interrupt remapping",
        change=_FIRMWARE,
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"AMD-Vi: Disabling interrupt remapping",
        means="AMD's interrupt remapping is off: the IVRS and the MADT do not agree on the "
        "IO-APICs",
        change=_FIRMWARE,
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"ineligible for IOMMU domain attach due to platform RMRR",
        means="firmware keeps memory for the device (RMRR): an attach is refused with EPERM up to "
        "v6.5",
        change="turn off in the firmware what keeps the memory (USB legacy, iLO, RAID); no "
        "override helps",
        about=About.MEMORY,
    ),
    Line(
        pattern=r"Firmware has requested this device have a 1:1 IOMMU mapping",
        means="firmware keeps memory for the device (RMRR, IVMD, RMR): an attach is refused with "
        "EINVAL from v6.6 on",
        change="turn off in the firmware what keeps the memory; no override helps",
        about=About.MEMORY,
    ),
    Line(
        pattern=r"IOMMUFD is providing /dev/vfio/vfio, not VFIO",
        means="containers are iommufd's here: iommufd.allow_unsafe_interrupts decides, "
        "vfio_iommu_type1's does nothing",
        change="set the parameter of iommufd, if any",
        about=About.INTERRUPTS,
    ),
    Line(
        pattern=r"no msi-map translation for (id|rid)",
        means="the device tree's msi-map leaves this id out: the device takes the MSI domain of "
        "its bus, if that has one",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
    ),
    # QEMU's vfio_get_group(); the kernel's vfio_group_ioctl_get_status().
    Line(
        pattern=r"group \d+ is not viable|ensure all devices within the iommu_group are bound",
        means="VFIO does not give the group away: a member is on a driver of the host, or, from "
        "v5.19 on, somebody else has the group",
        change="bind every member to vfio-pci, or unbind it; the override does not help",
        about=About.MEMBERS,
    ),
)
