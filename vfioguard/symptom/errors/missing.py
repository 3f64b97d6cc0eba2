"""EBUSY, ENODEV, ENOENT and EIO: somebody has it, or it is not there."""

from __future__ import annotations

from vfioguard.symptom import About, Call, Cause, Whose

_OWNER = (Call.SET_CONTAINER, Call.IOMMUFD, Call.GET_DEVICE)
_HOLDER = "find who holds it: fuser -v /dev/vfio/N, or vfioguard serve, which names the holder"

#: From v5.14 on a failed probe has its own errno, so that this one is bind_store()'s.
_UNKNOWN_ID = Cause(
    calls=(Call.DRIVER,),
    why="the driver does not know the device's id, whatever the IOMMU does (bind_store)",
    change="write vfio-pci to the device's driver_override first, then its address to "
    "/sys/bus/pci/drivers_probe; or add the id by new_id",
    name="an id that the driver does not know",
    since=(5, 14),
    sure=True,
)

ERRORS: dict[str, tuple[Cause, ...]] = {
    "EBUSY": (
        Cause(
            calls=(Call.OPEN,),
            why="somebody holds the group open already; the kernel opens it once",
            change=f"{_HOLDER}. If nobody does, the node is stale: compare it with /sys/class/vfio",
            about=About.HELD,
        ),
        Cause(
            calls=(*_OWNER, Call.ATTACH),
            why="the group is not in its default domain, or a PASID is attached",
            change="stop what uses the device",
            name="another user of the IOMMU",
            since=(5, 19),
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the function has virtual functions enabled, or another driver holds it",
            change="write 0 to its sriov_numvfs, and unbind the other driver first",
            about=About.FUNCTIONS,
        ),
        Cause(
            calls=(Call.INTERRUPT,),
            why="the device shares its wired interrupt with one of the host's; remapping is not "
            "asked",
            change="unbind what shares the line (/proc/interrupts), or let the guest use MSI",
            name="a shared interrupt line",
            whose=Whose.DEVICE,
        ),
    ),
    "ENODEV": (
        _UNKNOWN_ID._replace(sure=False, since=None, until=(5, 13)),
        _UNKNOWN_ID,
        Cause(
            calls=(Call.DRIVER,),
            why="no device has the address that was written, or, at an unbind, it is not on that "
            "driver; at remove_id, the driver does not have the id",
            change="lspci -Dk shows the addresses and drivers of now",
            name="a wrong address",
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the device is in no IOMMU group",
            change="{no_group}",
            about=About.GROUPS,
            until=(5, 13),
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="before v5.14 the bind answers so to whatever stops the probe: a bridge, the "
            "denylist, virtual functions",
            change="the kernel's log has the errno: probe of ... failed with error",
            name="a failed probe",
            until=(5, 13),
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="after that comes EINVAL: the device is in no IOMMU group",
            change="{no_group}",
            about=About.GROUPS,
            since=(5, 14),
        ),
        Cause(
            calls=(Call.GET_DEVICE, Call.OPEN),
            why="the device is not bound to a VFIO driver, or is of another group",
            change="bind it to vfio-pci: driver_override, then drivers_probe",
            about=About.UNBOUND,
        ),
        Cause(
            calls=(Call.IOMMUFD,),
            why="the device is in no IOMMU group",
            change="{no_group}",
            about=About.GROUPS,
            since=(6, 6),
        ),
        Cause(
            calls=(Call.SET_IOMMU, Call.SET_CONTAINER),
            why="the group is a no-IOMMU group, which type1 does not take",
            change="turn the IOMMU on rather than that",
            about=About.NOIOMMU,
        ),
        Cause(
            calls=(Call.SET_IOMMU,),
            why="no loaded module serves this type of IOMMU",
            change="modprobe {backend}",
            about=About.MODULE,
        ),
    ),
    "ENXIO": (
        Cause(
            calls=(Call.OPEN, Call.CONTAINER, Call.NODE),
            why="the node is stale: nothing in the kernel stands behind its number (chrdev_open)",
            change="compare it with /sys/class/vfio/N/dev, remove it and let udev make it again; "
            "in a container, pass the node of now",
            name="a stale node",
            sure=True,
            whose=Whose.OTHER,
        ),
    ),
    "ENOENT": (
        Cause(
            calls=(Call.OPEN,),
            why="the group has no node in /dev/vfio: none of its members is on a VFIO driver",
            change="bind them to vfio-pci: driver_override, then drivers_probe. In a container, "
            "pass the node in",
            about=About.UNBOUND,
        ),
        Cause(
            calls=(Call.OPEN, Call.DRIVER),
            why="the device is in no IOMMU group",
            change="{no_group}",
            about=About.GROUPS,
        ),
        Cause(
            calls=(Call.NODE,),
            why="the kernel makes no node of each device (CONFIG_VFIO_DEVICE_CDEV, from v6.6 on), "
            "or the device is on no VFIO driver now",
            change="ls /sys/bus/pci/devices/ADDRESS/vfio-dev. If there is none, pass in the "
            "group's node and leave iommufd out",
            name="no node of the device",
        ),
        Cause(
            calls=(Call.NODE,),
            why="the service or container was not given the node",
            change="pass in /dev/vfio/devices/vfioN and /dev/iommu",
            name="a node that was not passed in",
        ),
        Cause(
            calls=(Call.CONTAINER,),
            why="the module is not loaded, or the container does not have the node",
            change="modprobe vfio-pci (iommufd for /dev/iommu), or pass the node in",
            name="no such node",
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="there is no such driver or device in sysfs: the module is not loaded, or the "
            "driver's directory has another name",
            change="{driver}",
            name="no such driver",
        ),
    ),
    "EIO": (
        Cause(
            calls=(Call.SET_IOMMU,),
            why="the IOMMU driver gave no domain, or the mediated device refuses its type",
            change="read the log for lines of the IOMMU; for a vGPU check its type and licence",
            name="no domain",
        ),
        Cause(
            calls=(Call.GET_DEVICE, Call.OPEN, Call.RESET, Call.IOMMUFD),
            why="the device itself does not answer, or its driver refuses to open it",
            change="read the log for the device's lines (D3cold, reset, AER)",
            name="a device that does not answer",
            whose=Whose.DEVICE,
        ),
        Cause(
            calls=(Call.DRIVER,),
            why="the write did not reach the driver: wrong text, or a device that does not answer",
            change="write the full address (0000:01:00.0) or `VENDOR DEVICE` in hex",
            name="a wrong text",
        ),
    ),
}
