"""Lines about groups and their attach, from the kernel, QEMU, libvirt, DPDK, Proxmox and others."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Message, Whose

_KEPT = "firmware keeps memory for the device ({memory}): an attach is refused with %s"
_GIVE_UP = (
    "turn off in the firmware what keeps the memory (USB legacy, iLO, RAID); no override helps"
)
_NO_GROUP = "{no_group}"

MESSAGES: tuple[Message, ...] = (
    Message(
        patterns=("ineligible for iommu domain attach due to platform rmrr",),
        whose=Whose.VFIO,
        means=_KEPT % "EPERM up to v6.5, with EINVAL from v6.6 on",
        change=_GIVE_UP,
        about=About.MEMORY,
        errno="EPERM",
        x86=True,
    ),
    Message(
        patterns=("requested this device have a 1:1 iommu mapping",),
        whose=Whose.VFIO,
        means=_KEPT % "EINVAL from v6.6 on",
        change=_GIVE_UP,
        about=About.MEMORY,
        errno="EINVAL",
    ),
    # QEMU's vfio_get_group(), rust-vmm, crosvm, DPDK; the kernel's vfio_group_ioctl_get_status().
    Message(
        patterns=(
            "not viable",
            "inviable",
            "groupviable",
            "notviable",
            "within the iommu_group are bound",
            "bound to vfio or unbound",
            "all devices in an iommu group must be bound",
            "devices not bound to vfio",
        ),
        whose=Whose.VFIO,
        means="VFIO does not give the group away: a member is on a driver of the host, or, from "
        "v5.19 on, somebody else has the group",
        change="bind every member to vfio-pci, or unbind it; no override helps",
        about=About.MEMBERS,
        call=Call.SET_CONTAINER,
    ),
    Message(
        patterns=("verify all devices in group",),
        whose=Whose.REST,
        means="QEMU says so after any failure to get the device: the line before it has the errno. "
        "It holds only if a member of the group is on a driver of the host",
        change="explain the line before it",
        about=About.MEMBERS,
        call=Call.GET_DEVICE,
        general=True,
    ),
    Message(
        patterns=("used in multiple address spaces",),
        whose=Whose.DEVICE,
        means="QEMU wants all members of a group in one address space of the guest; with a vIOMMU "
        "each guest bus has its own. Not the interrupts, nor the kernel",
        change="put the members of the group on one guest bus (functions of one slot, or behind "
        "one PCIe-to-PCI bridge); Kata: hot_plug_vfio with the group on one port",
    ),
    Message(
        patterns=(
            "host doesn't support passthrough",
            "host doesn't support legacy pci passthrough",
            "host does not support passthrough",
            "host doesn't support vfio",
            "host does not support vfio",
            "iommu not present",
            "no iommu detected",
            "no iommu_group found",
            "no iommu_group for device",
            "not find iommu group",
            "unable to find iommu group",
            "get vfio group number",
            "iommu_groups: no such file",
            "iommu_groups/: no such file",
            "iommu_groups/': no such file",
            "iommu_groups//",
            "no iommu group",
            "cannot be assigned - no iommu",
            "vfionoiommugroup",
            "iommu not enabled",
            "iommu is not enabled",
            "iommu not found",
            "iommu_group: no such file",
            "cannot get iommu group",
            "pci backend driver*not supported",
            "failed to get iommu group",
            "no such iommu group",
            "has no iommu group",
            # Harvester's pcidevices, its webhook and its controller.
            "has no iommugroup",
            "missing group for address",
            "iommu support is disabled",
            "iommu is disabled",
        ),
        whose=Whose.VFIO,
        means="there is no IOMMU group for the device: VFIO cannot take it. The interrupts do not "
        "matter yet",
        change=_NO_GROUP,
        about=About.GROUPS,
        call=Call.DRIVER,
    ),
    Message(
        patterns=(
            "no supported iommu extensions",
            "no available iommu models",
            "doesn't support vfiotype1v2",
            "unknown iommu driver",
            "vfio modules not loaded",
            "vfio modules not all loaded",
            "vfio support could not be initialized",
            "vfio support not initialized",
            "unsupported vfio api version",
            "vfioextension",
        ),
        whose=Whose.VFIO,
        means="the container has no IOMMU backend to offer: the module is not loaded, there is no "
        "IOMMU group, or it is a no-IOMMU group",
        change="modprobe {backend}, then look for groups with vfioguard report",
        about=About.GROUPS,
        call=Call.SET_IOMMU,
    ),
    Message(
        patterns=(
            "probe of arm-smmu",
            "arm-smmu*probe with driver*failed",
            "arm-smmu*no translation support",
            "arm-smmu*table format not supported",
        ),
        whose=Whose.VFIO,
        means="the driver of this SMMU gave up: the devices behind it get no group",
        change="read the lines of arm-smmu before it; then vfioguard explain DEVICE",
        about=About.GROUPS,
    ),
    # drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c arm_smmu_insert_master() (6.12).
    Message(
        patterns=("already in tree from dev",),
        whose=Whose.VFIO,
        means="firmware gives two devices one id at the SMMU, which takes the first alone: the "
        "other one gets no group",
        change="vfioguard explain DEVICE; another slot may help, below no bridge to PCI",
        about=About.GROUPS,
    ),
    # drivers/iommu/intel/iommu.c quirk_iommu_igfx(), quirk_calpella_no_shadow_gtt() (6.12).
    Message(
        patterns=("disabling iommu for graphics",),
        whose=Whose.VFIO,
        means="Linux leaves the integrated graphics of this chipset without an IOMMU: they get no "
        "group. Other devices are not concerned",
        change="take another graphics card: this kernel has no option against it",
        about=About.GROUPS,
        x86=True,
    ),
    # QEMU 8.2 is the first with iommufd.
    Message(
        patterns=("property*vfio-pci.iommufd' not found", "invalid object type: iommufd"),
        whose=Whose.DEVICE,
        means="this QEMU has no iommufd: it came with QEMU 8.2, and may be left out of a build",
        change="leave iommufd= out, which takes the container, or take a newer QEMU",
    ),
    # Kata, src/runtime/virtcontainers/qemu.go.
    Message(
        patterns=("needs iommufd",),
        whose=Whose.VFIO,
        means="the program takes devices by iommufd alone, each by a node of its own, and was "
        "given the node of a group",
        change="pass in /dev/iommu and /dev/vfio/devices/vfioN; they take Linux 6.6 or later, "
        "built with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV",
        call=Call.IOMMUFD,
    ),
    Message(
        patterns=("not managed by vfio driver", "must be bound to vfio", "is not bound to *vfio"),
        whose=Whose.VFIO,
        means="the device is not on a VFIO driver, so the program passes it over",
        change="bind it: write vfio-pci to its driver_override, then its address to drivers_probe",
        about=About.UNBOUND,
        call=Call.DRIVER,
    ),
    Message(
        patterns=(
            "already in use by vmid",
            "in use by running vmid",
            "reserved for use by vmid",
            "is in use by driver*domain",
            "device*is already in use",
            "in use by another domain",
            "device*already used by",
        ),
        whose=Whose.VFIO,
        means="another guest has the device, or a member of its group",
        change="stop that guest: a group goes to one guest at a time",
        about=About.HELD,
    ),
    # drivers/vfio/vfio_main.c vfio_unregister_group_dev(), vfio_pci_core_request() (6.12).
    Message(
        patterns=(
            "blocked until device is released",
            "blocked until released by user",
            "relaying device request to user",
        ),
        whose=Whose.VFIO,
        means="the host takes the device back (an unbind, a removal, sriov_numvfs), and waits: a "
        "guest still has it open",
        change="stop that guest, or detach the device from it; the write that hangs then ends",
        about=About.HELD,
    ),
    Message(
        patterns=(
            "lacking acs",
            "lacks acs",
            "pci device*is not assignable",
            "is not isolated by acs",
        ),
        whose=Whose.VFIO,
        means="libvirt's own old test of the switch above the device (ACS): VFIO goes by groups "
        "alone",
        change="look at the group: vfioguard explain DEVICE names all its members",
    ),
    Message(
        patterns=("adding to iommu group", "removing from iommu group", "adding device*to group"),
        whose=Whose.FINE,
        means="the kernel gives the device its group",
        about=About.GROUPS,
    ),
    Message(
        patterns=(
            "default domain type",
            "domain tlb invalidation policy",
            "using iommu dma mapping",
            "using iommu direct mapping",
        ),
        whose=Whose.FINE,
        means="the domain of the host's own drivers; it never stands in the way of VFIO",
    ),
)
