"""Lines of the kernel about interrupt remapping and MSIs (policy.md 1.1, 1.2, 3.6)."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Message, Whose

_FIRMWARE = "look for a firmware update; vfioguard firmware shows what the tables say"
# Kernels take this form from 5.4.237, 5.10.164, 5.15.103, 6.1.4 and 6.2 on (inference/borders.py).
_IVRS_IOAPIC = "ivrs_ioapic=ID@%s (before 6.2 perhaps only ivrs_ioapic[ID]=BUS:DEVICE.FUNCTION)"
_EXPLAIN = "vfioguard report names the groups, vfioguard explain group:N says what they lack"

MESSAGES: tuple[Message, ...] = (
    Message(
        patterns=(
            "no interrupt remapping*allow_unsafe_interrupts",
            "no interrupt remapping support",
        ),
        whose=Whose.VFIO,
        means="an attach was refused (EPERM) because the MSIs of its group are not isolated; it "
        "names neither the device nor the group, and is written once for each attempt. Asked of "
        "the whole machine up to v6.2, of every device of the group from v6.3 on",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
        errno="EPERM",
        call=Call.SET_IOMMU,
    ),
    Message(
        patterns=("msi interrupts are not secure",),
        whose=Whose.VFIO,
        means="iommufd took a device whose MSIs are not isolated, as "
        "iommufd.allow_unsafe_interrupts is on: its guest can raise any interrupt of the host",
        change="make its MSIs isolated, then turn the override off",
        about=About.INTERRUPTS,
        call=Call.IOMMUFD,
    ),
    Message(
        patterns=("enabled irq remapping in x", "irq remapping is in xapic mode"),
        whose=Whose.FINE,
        means="Intel's interrupt remapping is on",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("amd-vi: interrupt remapping enabled",),
        whose=Whose.FINE,
        means="AMD's interrupt remapping is on",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("failed to enable irq remapping",),
        whose=Whose.VFIO,
        means="Intel's interrupt remapping was tried and given up: it is off for every device. "
        "Written only if the processor has x2APIC",
        change="read the DMAR-IR lines before it; vfioguard firmware shows what the tables allow",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("dmar-ir: not enabling interrupt remapping",),
        whose=Whose.VFIO,
        means="Intel's interrupt remapping stays off for every device; the DMAR-IR line before it "
        "says why",
        change="read that line; vfioguard firmware shows what the tables allow",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("ioapic * has no mapping iommu",),
        whose=Whose.VFIO,
        means="no unit of the DMAR has this IO-APIC in its scope, so interrupt remapping stays off",
        change=_FIRMWARE,
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=(
            "this system bios has enabled interrupt remapping",
            "on a chipset that contains an erratum",
        ),
        whose=Whose.VFIO,
        means="the chipset (early Intel 5500, 5520 and X58) cannot remap interrupts reliably: "
        "Linux keeps it off",
        change="no setting helps on this chipset",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("not enabling interrupt remapping due to skipped io-apic setup",),
        whose=Whose.VFIO,
        means="noapic, nosmp or maxcpus=0 is on the command line: interrupt remapping is not even "
        "tried",
        change="take it off the command line",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=(
            "does not support eim",
            "bios sets x2apic opt out",
            "intremap=no_x2apic_optout",
            "x2apic opt-out",
        ),
        whose=Whose.FINE,
        means="x2APIC mode is lost, and nothing else: interrupt remapping works in xAPIC mode",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("irq remapping doesn't support x2apic mode",),
        whose=Whose.VFIO,
        means="interrupt remapping is off, or works in xAPIC mode alone",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("ioapic[*] not in ivrs table",),
        whose=Whose.VFIO,
        means="the IVRS leaves out this IO-APIC, so AMD's interrupt remapping stays off (up to "
        "6.1.176 and 6.12.107 unless it stands before the southbridge's)",
        change=f"{_FIRMWARE}; or name it: {_IVRS_IOAPIC % 'SEGMENT:BUS:DEVICE.FUNCTION'}",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("no southbridge ioapic found",),
        whose=Whose.VFIO,
        means="the IVRS does not name the southbridge's IO-APIC at 00:14.0, so AMD's interrupt "
        "remapping stays off. From 6.1.192, 6.12.111 and 7.2 on it must be the IO-APIC of "
        "interrupt 0, on Hygon 18h models 4h to fh at 00:0b.0; from 7.3 on it must be an SMBus or "
        "ISA bridge function instead",
        change=f"{_FIRMWARE}; or name it: {_IVRS_IOAPIC % '0000:00:14.0'}",
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("ivrs invalid checksum",),
        whose=Whose.VFIO,
        means="AMD's driver does without the IVRS: no DMA remapping and no interrupt remapping",
        change=_FIRMWARE,
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("amd-vi: disabling interrupt remapping",),
        whose=Whose.VFIO,
        means="AMD's interrupt remapping is off: the IVRS and the MADT do not agree on the "
        "IO-APICs",
        change=_FIRMWARE,
        about=About.INTERRUPTS,
        x86=True,
    ),
    Message(
        patterns=("ivrs_*option format deprecated",),
        whose=Whose.FINE,
        means="the option is taken all the same; newer kernels write it ID@SEGMENT:BUS:DEV.FN",
        x86=True,
    ),
    Message(
        patterns=("amd-vi: unknown option",),
        whose=Whose.FINE,
        means="amd_iommu=on does not exist, nor does amd_iommu=pt: AMD's IOMMU is on unless "
        "amd_iommu=off is written. The word does nothing",
        change="take it off the command line; it does no harm",
        about=About.GROUPS,
        x86=True,
    ),
    Message(
        patterns=("your bios is broken; dmar",),
        whose=Whose.VFIO,
        means="the DMAR names a unit that does not answer, so Linux uses none: no group, no "
        "interrupt remapping",
        change=_FIRMWARE,
        about=About.GROUPS,
        x86=True,
    ),
    Message(
        patterns=("dmar: iommu enabled",),
        whose=Whose.FINE,
        means="intel_iommu=on was read from the command line. It says nothing about interrupts, "
        "and not yet that a unit was found",
        about=About.GROUPS,
        x86=True,
    ),
    Message(
        patterns=(
            "rmrr base",
            "rmrr: *",
            "ivmd",
            "reserved region can cover this rmrr",
            "setting identity map",
        ),
        whose=Whose.FINE,
        means="the firmware lists memory that it keeps for a device. VFIO refuses the group of "
        "that device, unless it is USB or graphics",
        about=About.MEMORY,
        x86=True,
    ),
    Message(
        patterns=(
            "virtualization technology for directed i/o",
            "virtual apic enabled",
            "iommuv2 loaded",
            "dmar: host address width",
            "dmar: drhd base",
            "queued invalidation",
            "amd-vi: found iommu",
            "amd-vi: extended features",
            "dmar-ir: ioapic id",
            "dmar-ir: hpet id",
            "dmar-ir: queued invalidation",
            "dmar: no atsr found",
            "dmar: no satc found",
            "dmar: atsr flags",
            "dmar: satc flags",
            "reg_base_addr",
            "skip iommu disabling for graphics",
            "iommu feature*inconsistent",
            "forcing write-buffer flush",
            "disable batched iotlb flush",
            "amd-vi: lazy io/tlb flushing",
            "amd-vi: using global ivhd",
        ),
        whose=Whose.FINE,
        means="nothing is wrong: the IOMMU starts",
        x86=True,
    ),
    Message(
        patterns=("iommufd is providing /dev/vfio/vfio",),
        whose=Whose.FINE,
        means="containers are iommufd's here: its own override decides, vfio_iommu_type1's does "
        "nothing",
        about=About.INTERRUPTS,
    ),
    # drivers/irqchip/irq-gic-v3-its.c its_init(), its_probe_one() (6.12).
    Message(
        patterns=("its: no its available", "its*no its detected, giving up"),
        whose=Whose.VFIO,
        means="the kernel uses no ITS: on this machine nothing isolates MSIs, and VFIO refuses "
        "every device that has some (EPERM)",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
    ),
    # drivers/irqchip/irq-gic-v2m.c gicv2m_init_one() (6.12).
    Message(
        patterns=("gicv2m: range[",),
        whose=Whose.FINE,
        means="the machine has frames of GICv2m. MSIs that go through them are not isolated, so "
        "VFIO refuses their devices; those of an ITS are not concerned",
        about=About.INTERRUPTS,
    ),
    Message(
        patterns=("msi_domain absent - falling back",),
        whose=Whose.FINE,
        means="the SMMU reports its own faults by wires; the MSIs of devices are not concerned",
    ),
    Message(
        patterns=("using allocated lpi pending table", "its@*allocated", "its [mem "),
        whose=Whose.FINE,
        means="nothing is wrong: the ITS starts, which isolates MSIs",
        about=About.INTERRUPTS,
    ),
    Message(
        patterns=("no msi-map translation for",),
        whose=Whose.VFIO,
        means="the device tree's msi-map leaves this id out: the device takes the MSI domain of "
        "its bus, if that has one",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
    ),
)
