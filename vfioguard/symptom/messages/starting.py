"""Lines of the kernel on how an IOMMU or an interrupt controller starts, or gives up."""

from __future__ import annotations

from vfioguard.symptom import About, Message, Whose

_FIRMWARE = "look for a firmware update; vfioguard firmware shows what the tables say"
_EXPLAIN = "vfioguard report names the groups, vfioguard explain group:N says what they lack"

MESSAGES: tuple[Message, ...] = (
    # drivers/iommu/intel/dmar.c parse_dmar_table(), dmar_table_init(), alloc_iommu() (6.12).
    Message(
        patterns=(
            "parse dmar table failure",
            "unable to map dmar",
            "failed to map dmar",
            "invalid dmar haw",
            "no drhd structure found",
            "record passes table end",
            "no dmar devices found",
            "can't validate drhd address",
        ),
        whose=Whose.VFIO,
        means="Linux cannot use the DMAR or a unit that it names, so it uses none: no group, no "
        "interrupt remapping",
        change=_FIRMWARE,
        about=About.GROUPS,
        x86=True,
    ),
    # drivers/iommu/intel/iommu.c intel_iommu_init() (6.12).
    Message(
        patterns=("dmar: initialization failed", "dmar: no free irq vectors"),
        whose=Whose.VFIO,
        means="Intel's IOMMU did not start: no DMA remapping, and no group. The DMAR line before "
        "it says why",
        change="read that line; without a local APIC (nolapic) the IOMMU has no interrupt for its "
        "faults",
        about=About.GROUPS,
        x86=True,
    ),
    # drivers/iommu/intel/dmar.c alloc_iommu() (6.12).
    Message(
        patterns=(
            "no supported address widths",
            "cannot get a valid agaw",
            "cannot get a valid max agaw",
        ),
        whose=Whose.VFIO,
        means="this unit of the IOMMU does no DMA remapping: the devices behind it get no group. "
        "Their interrupts may be remapped all the same",
        change="vfioguard explain DEVICE says whether it has a group; look for VT-d or a firmware "
        "update in the firmware's setup",
        about=About.GROUPS,
        x86=True,
    ),
    # drivers/iommu/intel/iommu.c intel_iommu_setup() (6.12).
    Message(
        patterns=("dmar: iommu disabled",),
        whose=Whose.VFIO,
        means="intel_iommu=off was read from the command line: no DMA remapping, and no group",
        change="{no_group}",
        about=About.GROUPS,
        x86=True,
    ),
    # drivers/iommu/amd/init.c state_next() (6.12); older kernels add `on kernel command-line`.
    Message(
        patterns=("amd iommu disabled",),
        whose=Whose.VFIO,
        means="amd_iommu=off was read from the command line: no DMA remapping, and no group",
        change="{no_group}",
        about=About.GROUPS,
        x86=True,
    ),
    # drivers/iommu/intel/iommu.c rmrr_sanity_check() (6.12), iommu_domain_identity_map() (4.19).
    Message(
        patterns=("rmrr ends before it starts", "rmrr exceeds permitted address", "; bad rmrr"),
        whose=Whose.VFIO,
        means="the DMAR keeps memory for a device where none can be, so the kernel does not map "
        "it. VFIO may refuse the group of that device",
        change=_FIRMWARE,
        about=About.MEMORY,
        x86=True,
    ),
    # arch/x86/kernel/apic/apic.c enable_IR_x2apic() (3.0).
    Message(
        patterns=("irq remapping init failed",),
        whose=Whose.VFIO,
        means="interrupt remapping is off: the firmware has it off or does not describe it. Only "
        "old kernels (3.x) write this",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
        x86=True,
    ),
    # drivers/iommu/intel/iommu.c platform_optin_force_iommu() (6.12).
    Message(
        patterns=("force enabled due to platform opt in",),
        whose=Whose.FINE,
        means="the firmware asks for protection from DMA (Thunderbolt), so the IOMMU is on without "
        "intel_iommu=on",
        about=About.GROUPS,
        x86=True,
    ),
    # drivers/iommu/intel/irq_remapping.c intel_setup_irq_remapping(),
    # intel_prepare_irq_remapping() (6.12).
    Message(
        patterns=(
            "failed to enable queued invalidation",
            "failed to setup irq remapping for",
            "dmar-ir: ir*failed to allocate",
            "exceeded max io apics",
        ),
        whose=Whose.VFIO,
        means="a unit of Intel's IOMMU could not start interrupt remapping, so it stays off for "
        "every device",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
        x86=True,
    ),
    # drivers/iommu/amd/init.c early_amd_iommu_init(), detect_ivrs(), amd_iommu_sme_check() (6.12).
    Message(
        patterns=(
            "ivrs table error",
            "cmpxchg16b feature is required",
            "disable iommu on stoney ridge",
            "iommu not currently supported when sme is active",
            "failed to initialize iommu hardware",
            "invalid ivhd device type",
        ),
        whose=Whose.VFIO,
        means="AMD's IOMMU does not start, for the reason that the line gives: no group, no "
        "interrupt remapping",
        change=_FIRMWARE,
        about=About.GROUPS,
        x86=True,
    ),
    Message(
        patterns=("invalid command line: ivrs_", "map overflow - ignoring ivrs_"),
        whose=Whose.VFIO,
        means="this kernel does not take the option as it is written, so the option does nothing",
        change="vfioguard explain group:N prints it in the form that this kernel takes, if an "
        "option helps",
        about=About.INTERRUPTS,
        x86=True,
    ),
    # drivers/irqchip/irq-gic-v3-its.c its_probe_one(), its_of_probe(), its_cpu_init() (6.12).
    Message(
        patterns=(
            "its@*failed probing",
            "its@*unable to map its registers",
            "its@*failed to quiesce, giving up",
            "no msi-controller property, its ignored",
            "its@*gicv3 its domain token",
            ": lpis not supported",
        ),
        whose=Whose.VFIO,
        means="the kernel does not use this ITS. MSIs that would go through it are not isolated, "
        "so VFIO refuses their devices (EPERM)",
        change=_EXPLAIN,
        about=About.INTERRUPTS,
    ),
    # drivers/irqchip/irq-gic-v3-mbi.c mbi_init() (6.12).
    Message(
        patterns=("using mbi frame", "mbi range ["),
        whose=Whose.FINE,
        means="the GICv3 takes MSIs as ordinary interrupts (MBI). MSIs that go there are not "
        "isolated, so VFIO refuses their devices; those of an ITS are not concerned",
        about=About.INTERRUPTS,
    ),
    # init/main.c print_unknown_bootoptions() (6.12).
    Message(
        patterns=("unknown kernel command line parameters",),
        whose=Whose.FINE,
        means="the kernel itself does nothing with these words. BOOT_IMAGE is always among them; "
        "pcie_acs_override is one that only patched kernels know",
        change="look for a word about the IOMMU among them: it is misspelt",
    ),
    Message(
        patterns=(
            "irq remapping was enabled on*kdump",
            "copied ir table",
            "copied dev table",
            "dmar: no rmrr found",
            "rhsa base",
            "andd device:",
            "amd-vi: x2apic enabled",
            "strict mode due to virtualization",
            "command-line override present for",
            "detected amd iommu #",
            "v2 page table enabled",
            "enabled by bios, switching to x2apic",
            "switched apic routing",
        ),
        whose=Whose.FINE,
        means="nothing is wrong: the IOMMU starts",
        x86=True,
    ),
    Message(
        patterns=(
            "using lpi property table",
            "found redistributor",
            "arm-smmu*entries for",
            "arm-smmu*-bit, oas",
            "arm-smmu*option mask",
        ),
        whose=Whose.FINE,
        means="nothing is wrong: the interrupt controller or the SMMU starts",
    ),
)
