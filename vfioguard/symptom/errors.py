"""Why VFIO and iommufd refuse, by errno and call (policy.md 5).

drivers/vfio/vfio_iommu_type1.c, drivers/vfio/group.c, drivers/iommu/iommufd/device.c,
drivers/iommu/iommu.c.
"""

from __future__ import annotations

from vfioguard.symptom import About, Cause

_SET_IOMMU = "VFIO_SET_IOMMU (VFIO_GROUP_SET_CONTAINER for later groups of a container)"
_BIND = "VFIO_DEVICE_BIND_IOMMUFD or VFIO_GROUP_GET_DEVICE_FD"
_CONTAINER = "VFIO_GROUP_SET_CONTAINER or VFIO_DEVICE_BIND_IOMMUFD"
_DRIVER = "binding the device to vfio-pci"

_ISOLATION = "the MSIs of the group are not isolated, and allow_unsafe_interrupts is off"
_ENABLE = (
    "enable interrupt remapping (vfioguard explain group:N says what it lacks), or set the "
    "override: %s.allow_unsafe_interrupts=1"
)

ERRORS: dict[str, tuple[Cause, ...]] = {
    "EPERM": (
        Cause(
            call=_SET_IOMMU,
            kernels="all",
            why=_ISOLATION,
            change=_ENABLE % "vfio_iommu_type1",
            about=About.INTERRUPTS,
        ),
        Cause(
            call=_BIND,
            kernels="6.2 and later",
            why=f"{_ISOLATION}; there is no line in the log",
            change=_ENABLE % "iommufd",
            about=About.INTERRUPTS,
        ),
        Cause(
            call=_CONTAINER,
            kernels="5.19 and later",
            why="a member of the group is on a driver of the host, or somebody else has the group",
            change="bind every member to vfio-pci, or unbind it; the override does not help",
            about=About.MEMBERS,
        ),
        Cause(
            call="VFIO_SET_IOMMU",
            kernels="up to 6.5, Intel",
            why="firmware keeps memory for the device (RMRR); asked before the interrupts are",
            change="turn off in the firmware what keeps the memory; the override does not help",
            about=About.MEMORY,
        ),
        Cause(
            call="open of /dev/vfio/noiommu-N",
            kernels="all",
            why="no-IOMMU groups want CAP_SYS_RAWIO",
            change="turn the IOMMU on rather than that",
            about=About.GROUPS,
        ),
    ),
    "EINVAL": (
        Cause(
            call=_CONTAINER,
            kernels="6.6 and later",
            why="firmware keeps memory for a member of the group (RMRR, IVMD, RMR)",
            change="turn off in the firmware what keeps the memory; the override does not help",
            about=About.MEMORY,
        ),
        Cause(
            call=_DRIVER,
            kernels="all",
            why="the device is in no IOMMU group, is a bridge, or is on vfio-pci's denylist",
            change="turn the IOMMU on (intel_iommu=on, AMD-Vi, SMMU); a bridge stays with the host",
            about=About.GROUPS,
        ),
        Cause(
            call=_DRIVER,
            kernels="5.19 and later",
            why="the IOMMU does not keep caches coherent (IOMMU_CAP_CACHE_COHERENCY)",
            change="nothing: this IOMMU cannot serve VFIO",
            about=About.GROUPS,
        ),
        Cause(
            call="VFIO_GROUP_GET_DEVICE_FD",
            kernels="up to 5.18",
            why="a member of the group is bound to a driver of the host: the group is not viable",
            change="bind every member to vfio-pci, or unbind it",
            about=About.MEMBERS,
        ),
        Cause(
            call=_SET_IOMMU,
            kernels="all",
            why="the guest's memory overlaps reserved regions of the group, or the container is "
            "empty",
            change="compare the guest's memory map with the group's reserved_regions",
            about=About.MEMORY,
        ),
    ),
    "EBUSY": (
        Cause(
            call="open of /dev/vfio/N",
            kernels="all",
            why="somebody has the group open already",
            change="find who: fuser -v /dev/vfio/N",
            about=About.MEMBERS,
        ),
        Cause(
            call=_CONTAINER,
            kernels="5.19 and later",
            why="the group is not in its default domain, or a PASID is attached",
            change="stop what uses the device",
            about=About.MEMBERS,
        ),
        Cause(
            call=_DRIVER,
            kernels="all",
            why="the function has virtual functions enabled",
            change="write 0 to its sriov_numvfs first",
            about=About.MEMBERS,
        ),
    ),
    "ENODEV": (
        Cause(
            call="VFIO_DEVICE_BIND_IOMMUFD",
            kernels="6.6 and later",
            why="the device is in no IOMMU group",
            change="turn the IOMMU on (intel_iommu=on, AMD-Vi, SMMU)",
            about=About.GROUPS,
        ),
        Cause(
            call="VFIO_SET_IOMMU",
            kernels="all",
            why="the group is a no-IOMMU group, which type1 does not take",
            change="turn the IOMMU on rather than that",
            about=About.GROUPS,
        ),
    ),
}

#: The words of strerror(3), as programs print them, and the errno that each stands for.
WORDS: dict[str, str] = {
    r"Operation not permitted": "EPERM",
    r"Invalid argument": "EINVAL",
    r"Device or resource busy": "EBUSY",
    r"No such device(?! or address)": "ENODEV",
}
