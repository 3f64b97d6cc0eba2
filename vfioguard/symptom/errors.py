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
            _SET_IOMMU, "all", _ISOLATION, _ENABLE % "vfio_iommu_type1", About.INTERRUPTS,
        ),
        Cause(
            _BIND, "6.2 and later", f"{_ISOLATION}; there is no line in the log",
            _ENABLE % "iommufd", About.INTERRUPTS,
        ),
        Cause(
            _CONTAINER, "5.19 and later",
            "a member of the group is on a driver of the host, or somebody else has the group",
            "bind every member to vfio-pci, or unbind it; the override does not help",
            About.MEMBERS,
        ),
        Cause(
            "VFIO_SET_IOMMU", "up to 6.5, Intel",
            "firmware keeps memory for the device (RMRR); asked before the interrupts are",
            "turn off in the firmware what keeps the memory; the override does not help",
            About.MEMORY,
        ),
        Cause(
            "open of /dev/vfio/noiommu-N", "all",
            "no-IOMMU groups want CAP_SYS_RAWIO",
            "turn the IOMMU on rather than that", About.GROUPS,
        ),
    ),
    "EINVAL": (
        Cause(
            _CONTAINER, "6.6 and later",
            "firmware keeps memory for a member of the group (RMRR, IVMD, RMR)",
            "turn off in the firmware what keeps the memory; the override does not help",
            About.MEMORY,
        ),
        Cause(
            _DRIVER, "all",
            "the device is in no IOMMU group, is a bridge, or is on vfio-pci's denylist",
            "turn the IOMMU on (intel_iommu=on, AMD-Vi, SMMU); a bridge stays with the host",
            About.GROUPS,
        ),
        Cause(
            _DRIVER, "5.19 and later",
            "the IOMMU does not keep caches coherent (IOMMU_CAP_CACHE_COHERENCY)",
            "nothing: this IOMMU cannot serve VFIO", About.GROUPS,
        ),
        Cause(
            "VFIO_GROUP_GET_DEVICE_FD", "up to 5.18",
            "a member of the group is bound to a driver of the host: the group is not viable",
            "bind every member to vfio-pci, or unbind it", About.MEMBERS,
        ),
        Cause(
            _SET_IOMMU, "all",
            "the guest's memory overlaps reserved regions of the group, or the container is empty",
            "compare the guest's memory map with the group's reserved_regions", About.MEMORY,
        ),
    ),
    "EBUSY": (
        Cause(
            "open of /dev/vfio/N", "all", "somebody has the group open already",
            "find who: fuser -v /dev/vfio/N", About.MEMBERS,
        ),
        Cause(
            _CONTAINER, "5.19 and later",
            "the group is not in its default domain, or a PASID is attached",
            "stop what uses the device", About.MEMBERS,
        ),
        Cause(
            _DRIVER, "all", "the function has virtual functions enabled",
            "write 0 to its sriov_numvfs first", About.MEMBERS,
        ),
    ),
    "ENODEV": (
        Cause(
            "VFIO_DEVICE_BIND_IOMMUFD", "6.6 and later", "the device is in no IOMMU group",
            "turn the IOMMU on (intel_iommu=on, AMD-Vi, SMMU)", About.GROUPS,
        ),
        Cause(
            "VFIO_SET_IOMMU", "all", "the group is a no-IOMMU group, which type1 does not take",
            "turn the IOMMU on rather than that", About.GROUPS,
        ),
    ),
}  # fmt: skip

#: What strerror(3) says, by which programs pass an errno on.
WORDS: dict[str, str] = {
    r"Operation not permitted": "EPERM",
    r"Invalid argument": "EINVAL",
    r"Device or resource busy": "EBUSY",
    r"No such device(?! or address)": "ENODEV",
}
