"""What sysfs shows of a device that a driver gives to VFIO.

drivers/vfio/vfio_main.c vfio_init_device(), __vfio_register_dev(); drivers/vfio/device_cdev.c
vfio_init_device_cdev() (6.12.118). `vfio-dev/vfioX` is there from v6.1 on. It has a `dev` only if
the kernel has CONFIG_VFIO_DEVICE_CDEV.
"""

from __future__ import annotations

import re

from vfioguard.fact import Fact, Gap, Reading, Why, gap_from, printable
from vfioguard.root import Directory
from vfioguard.typed import NamedTuple

#: Where the nodes are that iommufd's users open.
NODES = "/dev/vfio/devices"

_NAME = re.compile(r"(noiommu-)?vfio[0-9]{1,9}")


#: Drivers without VFIO's name that give some of their devices to VFIO. NVIDIA's does so with a
#: virtual function that has a vGPU type (NVIDIA vGPU software from 17.0 on, Linux 6.8 and later).
_GIVING = frozenset({"nvidia"})


class OnVfio(NamedTuple):
    """A device that VFIO has.

    `node` is its name below /dev/vfio/devices ("vfio3"), or the gap of a device without a node.
    `physfn` is the physical function of a virtual one, or the gap of another function.
    """

    node: Reading[str]
    physfn: Reading[str]


def of_driver(devices: Directory, name: str, driver: str | None) -> OnVfio | None:
    """What the device `name` shows if its driver gives it to VFIO; else None."""
    if driver is None:
        return None
    if "vfio" in driver:
        return read(devices, name)
    if driver not in _GIVING:
        return None
    try:
        devices.listdir(f"{name}/vfio-dev")
    except OSError:
        return None
    return read(devices, name)


def read(devices: Directory, name: str) -> OnVfio:
    """What the device `name` below `devices` shows: two to four system calls."""
    return OnVfio(node=_node(devices, f"{name}/vfio-dev"), physfn=physical(devices, name))


def physical(devices: Directory, name: str) -> Reading[str]:
    """The physical function of function `name`; the gap is absent if that has none."""
    path = f"{name}/physfn"
    try:
        target = devices.readlink(path)
    except OSError as error:
        return gap_from(error, devices.prefix + path)
    raw = target.encode(errors="surrogateescape")
    return Fact(printable(target.rpartition("/")[2]), raw, devices.prefix + path)


def _node(devices: Directory, path: str) -> Reading[str]:
    try:
        names = sorted(devices.listdir(path))
        node = next((name for name in names if _NAME.fullmatch(name)), None)
        if node is None:
            return Gap(Why.ABSENT, printable(devices.prefix + path), "names no device of VFIO")
        path = f"{path}/{node}/dev"
        raw = devices.read(path)
    except OSError as error:
        return gap_from(error, devices.prefix + path)
    return Fact(node, raw, devices.prefix + path)
