"""Lines about a device's own node, the modules of VFIO, and drivers that are not of PCI."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Message, Whose

MESSAGES: tuple[Message, ...] = (
    # hw/vfio/iommufd.c iommufd_cdev_getfd() (QEMU 8.2 to 10); go-nvlib nvpci.
    Message(
        patterns=(
            "/vfio-dev: no such",
            "couldn't open dir*/vfio-dev",
            "unable to detect iommu fd for",
            "failed to find vfio-dev/vfiox/dev",
            "missing config_vfio_device_cdev",
        ),
        whose=Whose.VFIO,
        means="the device has no node of its own in /dev/vfio/devices. It is on no VFIO driver "
        "now, or the kernel makes no such nodes (CONFIG_VFIO_DEVICE_CDEV, from v6.6 on)",
        change="bind it to vfio-pci. If vfio-dev is still not in its directory in sysfs, leave "
        "iommufd out and pass in the group's node",
        about=About.UNBOUND,
        call=Call.NODE,
    ),
    # hw/vfio/helpers.c vfio_kvm_device_add_fd() (QEMU 10); virt/kvm/vfio.c kvm_vfio_file_add()
    # (6.12).
    Message(
        patterns=(
            "to kvm vfio device",
            "create kvm vfio device",
            "group to kvm device",
            "set kvm device's attr",
        ),
        whose=Whose.OTHER,
        means="KVM did not note the group or the device for itself (KVM_SET_DEVICE_ATTR of "
        "kvm-vfio). That is no open and no bind",
        change="look whether the kernel has CONFIG_KVM_VFIO. KVM takes a device's own node from "
        "v6.6 on, and each file once",
    ),
    # kernel/module/main.c simplify_symbols(), kernel/module/version.c check_version() (6.12).
    Message(
        patterns=(
            "vfio*unknown symbol",
            "unknown symbol*vfio",
            "vfio*disagrees about version of symbol",
            "vfio*exec format error",
            "iommufd*unknown symbol",
        ),
        whose=Whose.VFIO,
        means="a module of VFIO was not loaded: the modules on the disk do not fit the running "
        "kernel, or each other",
        change="restart into the kernel that is installed. If it is that one, run depmod -a and "
        "make the initramfs again",
        about=About.MODULE,
        call=Call.DRIVER,
    ),
    # drivers/vfio/platform/vfio_platform_common.c vfio_platform_init_common() (6.12).
    Message(
        patterns=(
            "vfio-platform*fail",
            "vfio_platform*fail",
            "no reset function found for device",
        ),
        whose=Whose.VFIO,
        means="vfio-platform did not take the device, which is not one of PCI. It is in no IOMMU "
        "group, or the kernel has no function that resets it",
        change="look at the line before it; vfio_platform.reset_required=0 does without the reset, "
        "if its users may be trusted",
        call=Call.DRIVER,
    ),
    # drivers/iommu/virtio-iommu.c viommu_probe() (6.12).
    Message(
        patterns=("virtio_iommu*fail", "virtio-iommu*fail"),
        whose=Whose.VFIO,
        means="the driver of the virtual IOMMU gave up: the devices behind it get no group",
        change="read the lines of virtio_iommu before it; then vfioguard explain DEVICE",
        about=About.GROUPS,
    ),
    # drivers/pci/setup-res.c pci_enable_resources() (6.12).
    Message(
        patterns=(
            "can't enable device: bar",
            "not assigned; can't enable",
            "not claimed; can't enable",
            "bar*not claimed",
        ),
        whose=Whose.DEVICE,
        means="not the interrupts: a BAR has no address, or another device has it. The device "
        "cannot be switched on, so VFIO_GROUP_GET_DEVICE_FD fails with EINVAL",
        change="give it room: Above 4G Decoding in the firmware, or pci=realloc on the kernel's "
        "command line",
    ),
    # hw/vfio/pci.c vfio_populate_vga() (QEMU 10).
    Message(
        patterns=("vga region index", "requested feature x-vga"),
        whose=Whose.DEVICE,
        means="not the interrupts: the host does not give this device the addresses of VGA, which "
        "x-vga=on asks for",
        change="take x-vga=on away (Proxmox: Primary GPU); a guest with UEFI does without",
    ),
    # drivers/pci/pci-driver.c new_id_store() (6.12).
    Message(
        patterns=("new_id*invalid argument",),
        whose=Whose.VFIO,
        means="the kernel did not find two numbers in what was written to new_id: usually a colon "
        "stands between them",
        change="write them with a blank between them, as `10de 1f82`",
        errno="EINVAL",
        call=Call.DRIVER,
    ),
)
