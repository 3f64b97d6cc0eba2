"""What programs refuse before they ask the kernel: settings, mappings, the guest's IOMMU."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Message, Whose

MESSAGES: tuple[Message, ...] = (
    # tools/virt-host-validate-common.c virHostValidateIOMMU() (libvirt 11).
    Message(
        patterns=("iommu appears to be disabled in kernel",),
        whose=Whose.VFIO,
        means="libvirt's test sees no IOMMU group in /sys/kernel/iommu_groups",
        change="{no_group}",
        about=About.GROUPS,
    ),
    Message(
        patterns=("no acpi dmar table found", "no acpi ivrs table found"),
        whose=Whose.VFIO,
        means="libvirt's test sees no table of an IOMMU from the firmware, so there is no IOMMU "
        "group. In a container only /sys/firmware may be hidden",
        change="{no_group}",
        about=About.GROUPS,
        x86=True,
    ),
    # src/qemu/qemu_validate.c qemuValidateDomainMdevDefVFIOPCI() and its like (libvirt 11).
    Message(
        patterns=("device assignment is not supported by this version of qemu",),
        whose=Whose.OTHER,
        means="not the host's IOMMU: this QEMU has no device vfio-pci",
        change="look for vfio-pci in `qemu-system-x86_64 -device help`; take the distribution's "
        "full QEMU",
    ),
    # src/PVE/QemuServer/PCI.pm parse_hostpci(), reserve_pci_usage() (Proxmox VE 8).
    Message(
        patterns=("pci device mapping invalid",),
        whose=Whose.OTHER,
        means="not VFIO's: the device is no longer what Proxmox's mapping says of it (its id, its "
        "group, its subsystem), or the mapping leaves one of these out",
        change="make the mapping anew: Datacenter, Resource Mappings; or `pvesh set "
        "/cluster/mapping/pci/NAME`",
    ),
    Message(
        patterns=("pci device mapping not found for",),
        whose=Whose.OTHER,
        means="not VFIO's: Proxmox's mapping of that name names no device of this node",
        change="add one for this node: Datacenter, Resource Mappings",
    ),
    # hw/vfio/container.c vfio_legacy_attach_device() (QEMU 10); PCI.pm as above.
    Message(
        patterns=("' assigned more than once", "vfio*device is already attached"),
        whose=Whose.DEVICE,
        means="not the interrupts: the guest was given the same device twice",
        change="take one of the two out. An address without a function (Proxmox: 0000:01:00) is "
        "all functions of the slot",
    ),
    # hw/i386/intel_iommu.c vtd_decide_config(), hw/i386/x86-iommu.c x86_iommu_realize() (QEMU).
    Message(
        patterns=("interrupt remapping cannot work with kernel-irqchip",),
        whose=Whose.DEVICE,
        means="not the host's interrupts: the guest's own IOMMU remaps interrupts only if KVM "
        "leaves the IO-APIC to QEMU",
        change="QEMU: -machine kernel-irqchip=split. libvirt: <ioapic driver='qemu'/>",
        x86=True,
    ),
    # hw/i386/intel_iommu.c vtd_panic_require_caching_mode() (QEMU 9).
    Message(
        patterns=("need to set caching-mode=on",),
        whose=Whose.DEVICE,
        means="not the host's IOMMU: the guest's own IOMMU has to tell of each mapping, so that "
        "VFIO can follow",
        change="QEMU: -device intel-iommu,caching-mode=on. libvirt: <driver caching_mode='on'/>",
        x86=True,
    ),
    # hw/i386/intel_iommu.c vtd_check_hdev(), later vtd_check_hiod() (QEMU 9, 10).
    Message(
        patterns=("failed to set viommu", "aw-bits * > host aw-bits"),
        whose=Whose.DEVICE,
        means="not the interrupts: the guest's own IOMMU has wider addresses than the host's, "
        "which cannot map them",
        change="give it the number of the host's that the line names, as aw-bits=39",
    ),
    # hw/vfio/iommufd.c iommufd_cdev_autodomains_get() (QEMU 10).
    Message(
        patterns=("doesn't support dirty tracking",),
        whose=Whose.FINE,
        means="nothing is wrong: only a live migration of the guest wants that of the IOMMU",
    ),
    # vfio-ioctls VfioDevice::get_group_id_from_path().
    Message(
        patterns=("vfiocreate(invalidpath", "vfioerror(invalidpath"),
        whose=Whose.VFIO,
        means="the path that the VMM was given has no iommu_group: no device is there, or it is in "
        "no IOMMU group",
        change="write the whole path, /sys/bus/pci/devices/0000:01:00.0; then vfioguard explain "
        "DEVICE",
        about=About.GROUPS,
        call=Call.DRIVER,
    ),
    # kernel-open/nvidia/nv-pci.c nv_pci_remove_helper(), nv.c nvidia_init_module() (NVIDIA 550).
    Message(
        patterns=("nvidia probe routine was not called for",),
        whose=Whose.FINE,
        means="nothing is wrong if a guest is to have that GPU: it is on another driver, such as "
        "vfio-pci, so NVIDIA's passed it over",
    ),
    Message(
        patterns=("attempting to remove*non-zero usage count",),
        whose=Whose.DEVICE,
        means="the unbind from NVIDIA's driver hangs: a program of the host still has the GPU open",
        change="end it before the unbind (fuser -v /dev/nvidia*; nvidia-persistenced, the "
        "desktop), or bind the GPU to vfio-pci at boot",
    ),
    # The ACS override is a patch that no release of kernel.org has.
    Message(
        patterns=("acs overrides enabled",),
        whose=Whose.VFIO,
        means="a patched kernel makes groups as if its switches kept devices apart (ACS). Guests "
        "of different groups may then reach each other's devices",
        change="take pcie_acs_override off the command line, unless all guests may be trusted",
    ),
    # drivers/pci/iov.c sriov_numvfs_store() (6.12).
    Message(
        patterns=("cannot configure sr-iov", "does not support sr-iov configuration via sysfs"),
        whose=Whose.OTHER,
        means="not VFIO's: the physical function is on no driver that makes virtual functions",
        change="bind it to its own driver first; vfio-pci makes them with enable_sriov=1",
    ),
)
