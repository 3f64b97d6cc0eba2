"""EPERM, EACCES and EINVAL: somebody says no."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Cause, Whose

_ATTACH = (Call.SET_IOMMU, Call.SET_CONTAINER)
_OWNER = (Call.SET_CONTAINER, Call.IOMMUFD, Call.GET_DEVICE)
_BIND_MEMBERS = "bind every member to vfio-pci, or unbind it; no override helps"
_KEPT = "firmware keeps memory for a member of the group ({memory})"
_GIVE_UP = (
    "turn off in the firmware what keeps the memory (USB legacy, iLO, RAID); no override helps"
)
_HOLDER = "find who holds it: fuser -v /dev/vfio/N, or vfioguard serve, which names the holder"
_UNISOLATED = "the MSIs of the group are not isolated, and the override is off"
_LACKS = "vfioguard explain group:N says what their isolation lacks"
_FILE = "who runs the guest may not open that file"

_NOT_VIABLE = Cause(
    calls=_OWNER,
    why="a member of the group is on a driver of the host, or somebody else has the group",
    change=_BIND_MEMBERS,
    about=About.MEMBERS,
    since=(5, 19),
)
_OLD_NOT_VIABLE = _NOT_VIABLE._replace(
    calls=(Call.GET_DEVICE,),
    why="a member of the group is on a driver of the host: the group is not viable",
    since=None,
    until=(5, 18),
)


ERRORS: dict[str, tuple[Cause, ...]] = {
    "EPERM": (
        Cause(calls=_ATTACH, why=_UNISOLATED, change=_LACKS, about=About.INTERRUPTS),
        Cause(
            calls=(Call.IOMMUFD, Call.GET_DEVICE),
            why=f"{_UNISOLATED}; there is no line in the log",
            change=_LACKS,
            about=About.INTERRUPTS,
            since=(6, 2),
        ),
        _NOT_VIABLE,
        Cause(
            calls=_ATTACH,
            why=f"{_KEPT}; Intel's driver asks that before the interrupts",
            change=_GIVE_UP,
            about=About.MEMORY,
            until=(6, 5),
        ),
        Cause(
            calls=(Call.OPEN, Call.CONTAINER, Call.NODE),
            why="not VFIO's answer: the device cgroup of the service or container does not let it "
            "open that node",
            change="allow it: DeviceAllow= of systemd, cgroup_device_acl in libvirt's qemu.conf, "
            "--device of the container, sandbox_cgroup_only=false in Kata",
            name="the device cgroup",
            sure=True,
            whose=Whose.OTHER,
        ),
        Cause(
            calls=(Call.OPEN, Call.SET_CONTAINER),
            why="a no-IOMMU group wants CAP_SYS_RAWIO",
            change="turn the IOMMU on rather than that",
            about=About.NOIOMMU,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="not VFIO's answer: lockdown, a container or SELinux does not let it write to "
            "sysfs or load a module",
            change="do it as root, on the host itself",
            name="no right to write to sysfs",
            whose=Whose.OTHER,
        ),
        Cause(
            calls=(Call.ATTACH,),
            why="the IOMMU's driver does not give this device that page table; the interrupts were "
            "asked before, by VFIO_DEVICE_BIND_IOMMUFD",
            change="read the log for a line of the IOMMU with the address of the device",
            name="a page table that is refused",
        ),
    ),
    "EACCES": (
        Cause(
            calls=(Call.GET_DEVICE, Call.IOMMUFD),
            why="kernels 6.8.12-12-pve and 6.14.8 refuse every VF by a regression; the group is "
            "fine (strongtz/i915-sriov-dkms issues 321 and 322)",
            change="boot the kernel before it (6.8.12-11-pve, 6.14.5), or a newer one",
            about=About.REGRESSION,
        ),
        Cause(
            calls=(Call.GET_DEVICE, Call.IOMMUFD),
            why="the physical function is on vfio-pci, so its VFs want a VF token "
            "(vfio_pci_validate_vf_token)",
            change="pass the token to both (QEMU: vf-token=UUID), or put the physical function on "
            "its own driver",
            about=About.VF_KEY,
            since=(5, 7),
        ),
        Cause(
            calls=(Call.OPEN, Call.CONTAINER, Call.NODE),
            why=f"not VFIO's answer: {_FILE}",
            change="ls -l /dev/vfio; give the file to its user or group by a udev rule; look for "
            "DENIED in the log, if SELinux or AppArmor confines it",
            name="the permissions of the file",
            whose=Whose.OTHER,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="not VFIO's answer: only root may write to sysfs",
            change="do it as root: `sudo echo` does not, `| sudo tee` does",
            name="the permissions of sysfs",
            whose=Whose.OTHER,
        ),
    ),
    "EINVAL": (
        Cause(
            calls=_OWNER,
            why=_KEPT,
            change=_GIVE_UP,
            about=About.MEMORY,
            since=(6, 6),
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the device is in no IOMMU group",
            change="{no_group}",
            about=About.GROUPS,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="it is a bridge, which VFIO does not take",
            change="leave it to the host: pcieport does not stand in the way of its group",
            about=About.BRIDGE,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the device is on vfio-pci's denylist (Intel QAT, DSA, IAX)",
            change="load vfio-pci with disable_denylist=1 if its users may be trusted",
            about=About.DENYLIST,
            since=(5, 9),
        ),
        Cause(
            calls=(Call.DRIVER, Call.IOMMUFD),
            why="the IOMMU does not keep caches coherent (IOMMU_CAP_CACHE_COHERENCY)",
            change="nothing: this IOMMU cannot serve VFIO",
            about=About.COHERENCY,
            since=(5, 19),
        ),
        _OLD_NOT_VIABLE,
        Cause(
            calls=_ATTACH,
            why="the container cannot take the group: it or the group has one already, or it is "
            "empty",
            change="close what an earlier attempt left open, and set each container once",
            name="a wrong container",
        ),
        Cause(
            calls=_ATTACH,
            why="the guest's mappings overlap reserved_regions of the group",
            change="compare the guest's memory map with the group's reserved_regions",
            name="reserved regions",
        ),
        Cause(
            calls=(Call.MAP,),
            why="the range lies outside what the IOMMU can map, overlaps reserved regions, or is "
            "not aligned; the interrupts are not asked",
            change="give the guest's CPU fewer address bits (QEMU: -cpu's host-phys-bits-limit)",
            name="the guest's memory map",
            whose=Whose.DEVICE,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the text is not what the file takes: new_id wants two numbers with a blank, not "
            "`10de:1f82`",
            change="write `10de 1f82` to new_id, and the full address to bind",
            name="a colon in the id",
        ),
        Cause(
            calls=(Call.ATTACH,),
            why="the device cannot have that page table: its group has another one already, or the "
            "IOMMU needs another kind. QEMU tries each that it has",
            change="look whether the guest starts all the same. If not, give all devices of the "
            "group one iommufd object",
            name="another page table",
        ),
        Cause(
            calls=(Call.INTERRUPT,),
            why="the device does not show as many interrupts of that kind as the program asks for; "
            "the interrupts' isolation is not asked",
            change="look whether it came back from its last reset (lspci -vv); let the guest use "
            "MSI, or power the host off and on",
            name="interrupts that the device does not show",
            whose=Whose.DEVICE,
        ),
    ),
}
