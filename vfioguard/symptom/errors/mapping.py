"""What is answered to mappings, resets and wrong files; the interrupts are not asked."""

from __future__ import annotations

from vfioguard.symptom import Call, Cause, Whose

ERRORS: dict[str, tuple[Cause, ...]] = {
    "ENOMEM": (
        Cause(
            calls=(Call.MAP, Call.SET_IOMMU),
            why="not an answer to the interrupts: the guest's memory must be locked, and is more "
            "than RLIMIT_MEMLOCK",
            change="raise it: LimitMEMLOCK= of the service, hard_limit of libvirt's memtune, "
            "`ulimit -l`; or CAP_IPC_LOCK",
            name="the limit of locked memory",
            whose=Whose.OTHER,
        ),
        Cause(
            calls=(Call.DRIVER, Call.GET_DEVICE, Call.IOMMUFD, Call.ATTACH, Call.SET_CONTAINER),
            why="the kernel has no memory for it; the interrupts are not asked",
            change="look for `page allocation failure` in the log",
            name="no memory",
            whose=Whose.OTHER,
        ),
    ),
    "ENOSPC": (
        Cause(
            calls=(Call.MAP,),
            why="the container has as many mappings as dma_entry_limit of vfio_iommu_type1 allows",
            change="map larger pieces (huge pages, a larger block-size of virtio-mem), or raise "
            "dma_entry_limit",
            name="too many mappings",
            sure=True,
            since=(5, 1),
            whose=Whose.DEVICE,
        ),
        Cause(
            calls=(Call.INTERRUPT,),
            why="the host has no interrupt vector left for it",
            change="give the guest's device fewer queues",
            name="no vector left",
            whose=Whose.DEVICE,
        ),
    ),
    "EEXIST": (
        Cause(
            calls=(Call.MAP,),
            why="the program maps the same range twice; a VMM has to map it once a container",
            change="update the VMM; give each device of one group to the VMM once",
            name="a range that is mapped twice",
            sure=True,
            whose=Whose.DEVICE,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the driver has that id already, which is no fault",
            change="go on: write the address to /sys/bus/pci/drivers/vfio-pci/bind",
            name="an id that is there already",
            sure=True,
        ),
    ),
    "EFAULT": (
        Cause(
            calls=(Call.MAP,),
            why="that memory cannot be pinned: it is a BAR of another device, or not mapped",
            change="turn off mappings between devices (QEMU and Cloud Hypervisor: P2P, "
            "vfio_p2p_dma=off); without P2P the message is harmless",
            name="memory that cannot be pinned",
            whose=Whose.DEVICE,
        ),
    ),
    "ENOTTY": (
        Cause(
            calls=(Call.SET_CONTAINER, Call.SET_IOMMU, Call.GET_DEVICE, Call.IOMMUFD, Call.MAP),
            why="the file is not what the program takes it for: no group, no container, or a "
            "kernel without that call",
            change="close and open /dev/vfio/vfio and /dev/vfio/N again; check the call's number, "
            "and that /dev/vfio/N is the kernel's node",
            name="a wrong file",
        ),
        Cause(
            calls=(Call.RESET,),
            why="the device has no way to be reset (FLR, power, bus); the interrupts are not asked",
            change="nothing on VFIO's side; cat the device's reset_method",
            name="no reset",
            sure=True,
            whose=Whose.DEVICE,
        ),
    ),
}
