"""What is not VFIO's: limits, the device cgroup, KVM, the network, files."""

from __future__ import annotations

from vfioguard.symptom import Message, Whose

#: Words of a line about a guest. Whatever else AppArmor or SELinux forbids is not ours to allow.
_VMMS = (
    "vfio",
    "/dev/iommu",
    "qemu",
    "libvirt",
    "kvm",
    "svirt",
    "cloud-hypervisor",
    "crosvm",
    "firecracker",
)

_LOCKED = Message(
    patterns=(
        "locked memory",
        "rlimit_memlock",
        "memlock",
        "mlock",
        "memory lock limit",
        "lock guest memory",
    ),
    whose=Whose.OTHER,
    means="not VFIO's: the limit of locked memory (RLIMIT_MEMLOCK). The guest's memory has to "
    "be locked, and who starts it may not raise that limit, or the limit is too small. "
    "No group is to blame",
    change="raise it: LimitMEMLOCK= of the service, hard_limit of libvirt's memtune, "
    "`ulimit -l`; a pod that sets the limit itself wants CAP_SYS_RESOURCE",
    thing=True,
)

MESSAGES: tuple[Message, ...] = (
    _LOCKED,
    # SPDK's setup.sh.
    _LOCKED._replace(patterns=("user memlock limit",), thing=False),
    Message(
        patterns=(
            "device cgroup",
            "devices.allow",
            "devices.deny",
            "cgroup_device_acl",
            "devices cgroup",
            "bpf_prog_type_cgroup_device",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: the device cgroup decides which nodes a service or container may open",
        change="allow /dev/vfio/vfio and /dev/vfio/N: DeviceAllow= of systemd, cgroup_device_acl "
        "in libvirt's qemu.conf, sandbox_cgroup_only=false in Kata",
        thing=True,
    ),
    # drivers/pci/iov.c sriov_enable() (6.12).
    Message(
        patterns=(
            "not enough mmio resources for sr-iov",
            "sr-iov: bus number out of range",
            "can't enable*vfs*out of range of",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: the firmware gave the virtual functions no memory or no bus numbers "
        "(ENOMEM)",
        change="turn SR-IOV and Above 4G Decoding on in the firmware; or pci=realloc, and "
        "pci=assign-busses for bus numbers",
    ),
    Message(
        patterns=(
            "sriov_numvfs",
            "sriov_totalvfs",
            "numerical result out of range",
            "can't enable*vfs",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: making virtual functions (SR-IOV). Their number may be too large, or "
        "their driver, the firmware or the slot makes none",
        change="cat its sriov_totalvfs; write 0 before another number",
        thing=True,
    ),
    Message(
        patterns=(
            *(
                f"{denied}*{vmm}"
                for denied in ('apparmor="denied"', "avc: denied", "selinux is preventing")
                for vmm in _VMMS
            ),
            "set security context",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: AppArmor or SELinux forbids it",
        change="let that profile or domain open what the line names",
    ),
    Message(
        patterns=(
            "/dev/kvm",
            "kvm kernel module",
            "kvm: entry failed",
            "failed to initialize kvm",
            "kvm_set_user_memory_region",
            "kvm_create_vm",
            "createusermemory",
            "disabled by bios",
            "kvm hardware error",
            "kvm_run",
            "kvm: not supported",
            "kvm_init_vcpu",
            "accelerator kvm",
            "insert 'kvm",
            "vmx not supported",
            "svm not supported",
            "svm disabled",
            "kvm: no hardware support",
            "kvm virtualisation configured",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: KVM, which runs the guest's processors",
        change="look for virtualization in the firmware (a switch of its own) and at /dev/kvm",
        thing=True,
    ),
    Message(
        patterns=(
            "rtnetlink answers",
            "tunsetiff",
            "/dev/net/tun",
            "vhost_set_owner",
            "vhost-net",
            "vhost_net",
            "bridge helper",
            "network script",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: the guest's network",
        change="look at the bridge or tap device, and whether another guest has it",
        thing=True,
    ),
    Message(
        patterns=(
            "hugepage*fail",
            "fail*hugepage",
            "cannot*hugepage",
            "could not*hugepage",
            "unable*hugepage",
            "hugepage*cannot allocate",
            "no free*hugepage",
            "no available*hugepage",
            "hugepages but only",
            "not enough*huge",
            "huge pages*fail",
            "hugetlb*fail",
            "hugetlb*cannot allocate",
            "unable*hugetlb",
            "hugetlbfs*not mounted",
            "backing store for guest ram",
            "backing store*hugepages",
            "insufficient free host memory",
            "cannot set up guest memory",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: the guest's own memory, or its huge pages",
        change="free memory, or reserve more huge pages (vm.nr_hugepages)",
    ),
    Message(
        patterns=(
            'failed to get "write" lock',
            'failed to get "consistent read" lock',
            "could not open*.qcow2",
            "could not open*.raw",
            "could not open*.iso",
            "could not open*nvram",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: a disk or file of the guest",
        change="look at its permissions, and whether another guest has it",
    ),
    Message(
        patterns=("command*/kvm*got timeout", "qmp command 'query-*got timeout"),
        whose=Whose.OTHER,
        means="not VFIO's answer: Proxmox waits for the start, and a guest with a device has all "
        "its memory pinned before it runs",
        change="look whether it runs by now; give it less memory, huge pages, or more time: qm "
        "start ID --timeout 300",
    ),
    Message(
        patterns=("so not binding pci dev",),
        whose=Whose.OTHER,
        means="not VFIO's: SPDK's setup.sh leaves a device alone that the host uses",
        change="unmount what is on it, or name other devices in PCI_ALLOWED",
    ),
    Message(
        patterns=("iova mode but current mode is",),
        whose=Whose.OTHER,
        means="not VFIO's: DPDK chose addresses of a kind that this driver does not take",
        change="start it with --iova-mode=pa, or =va with an IOMMU",
    ),
    Message(
        patterns=(
            "unable to set user and group",
            "not permitted in permittedhostdevices",
            "insufficient devices.kubevirt",
            "insufficient nvidia.com",
            "insufficient intel.com",
            "0/*nodes are available",
            "requested number of devices unavailable",
        ),
        whose=Whose.OTHER,
        means="not VFIO's: whoever starts the guest did not get so far as to open a group",
        change="look at its own settings for host devices",
    ),
    Message(
        patterns=(
            "qemu exited with code",
            "qemu unexpectedly closed the monitor",
            "process exited prior to exec",
            "process exited while connecting to monitor",
            "failed to construct device",
            "device initialization failed",
            "device '*could not be initialized",
            "failed to detach device",
            "requested device*cannot be used",
            "driver cannot attach the device",
            "failed to attach device",
            "error when adding new device",
            "failed to hotplug device",
            "failed to start domain",
            "spdk_nvme_probe() failed",
            "allocate failed due to",
        ),
        whose=Whose.REST,
        means="the program ended over another line: this one has no cause in it",
        change="explain the lines before it",
        general=True,
    ),
)
