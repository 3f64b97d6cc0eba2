"""Lines of Xen, which has the IOMMU itself and gives devices away by xl: no VFIO is there."""

from __future__ import annotations

from vfioguard.symptom import Message, Whose

MESSAGES: tuple[Message, ...] = (
    # xen/drivers/passthrough/amd/iommu_init.c parse_event_log_entry(), vtd/iommu.c
    # iommu_page_fault_do_one() (4.19).
    Message(
        patterns=("(xen)*io_page_fault", "(xen)*fault addr", "(xen)*fault address"),
        whose=Whose.DEVICE,
        means="Xen's IOMMU stopped a DMA of the device. That is its work, and no device is refused "
        "for it",
        change="look at who drives the device at that time; after a guest ends it is harmless",
        x86=True,
    ),
    # xen/drivers/passthrough/vtd/iommu.c intel_iommu_assign_device() (4.19).
    Message(
        patterns=("to assign*with shared rmrr at",),
        whose=Whose.OTHER,
        means="not VFIO's: firmware keeps one piece of memory for this device and for others, so "
        "Xen gives none of them away",
        change="add rdm_policy=relaxed to the device in the guest's configuration, if its user may "
        "be trusted",
        x86=True,
    ),
    Message(
        patterns=("assign (*) failed (-", "xen_domctl_assign_device:*failed"),
        whose=Whose.REST,
        means="Xen did not give the device to the guest: this line has no cause in it",
        change="explain the lines before it",
        x86=True,
    ),
    # tools/libs/light/libxl_pci.c libxl__device_pci_add() (4.19).
    Message(
        patterns=("libxl*is not assignable",),
        whose=Whose.OTHER,
        means="not VFIO's: xl gives away a device that is on xen-pciback alone, and this one is "
        "not",
        change="xl pci-assignable-add ADDRESS, then look at xl pci-assignable-list",
    ),
    Message(
        patterns=(
            "missing*iommu/vt-d",
            "interrupt remapping missing",
            "unsupported hardware*iommu",
            "i/o virtualisation disabled",
            "disabling vt-d because",
            "(xen) amd-vi: error",
        ),
        whose=Whose.OTHER,
        means="Xen found no IOMMU or no interrupt remapping, which Qubes tells at its "
        "installation. It is not VFIO's, which Xen does not use",
        change="turn VT-d or AMD-Vi on in the firmware's setup, then look at xl dmesg",
        x86=True,
    ),
    Message(
        patterns=(
            "(xen)*interrupt remapping",
            "(xen) intel vt-d",
            "(xen) amd-vi",
            "i/o virtualisation enabled",
        ),
        whose=Whose.FINE,
        means="Xen itself has the IOMMU, and gives devices to guests by xl. Linux as dom0 has "
        "none, so VFIO has no group there, whatever Xen remaps",
        x86=True,
    ),
)
