"""Which processes hold a group: they have /dev/vfio/N or /dev/vfio/devices/vfioX open.

Documentation/driver-api/vfio.rst. The kernel reports this nowhere, so the descriptors of every
process are looked at (proc_pid_fd(5)). Without the privilege to see them the answer is a gap.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping

from vfioguard.fact import Gap, Why, printable
from vfioguard.report import Holder
from vfioguard.root import Root
from vfioguard.typed import NamedTuple

#: PROC_PID_INIT_INO, include/linux/proc_ns.h. Any other namespace hides processes of the host.
_INIT_PID_NAMESPACE = "pid:[4026531836]"
#: Characters of a process's name that are shown.
NAME = 64
#: Where the nodes are.
DEV = "/dev/vfio"
#: In it vfioX is the directory of a device node; its `device` leads to the function (vfio_main.c).
_CLASS = "/sys/class/vfio-dev"
_NO_IOMMU = "noiommu-"
_DEVICES = "devices/"
#: A device that was opened by its group's node: drivers/vfio/group.c vfio_device_open_file()
#: (6.12.118). It keeps the group open though the node is closed, and does not tell the group.
DEVICE = "anon_inode:[vfio-device]"

_SOURCE = "/proc/*/fd"
_NO_PRIVILEGE = "who holds /dev/vfio is not known: the descriptors of other processes are not shown"
_NAMESPACE = (
    "who holds /dev/vfio is not known: this PID namespace does not show the host's processes"
)


class Held(NamedTuple):
    """The holders of each group, by its number. With a gap others may hold a group too."""

    groups: Mapping[int, tuple[Holder, ...]]
    gap: Gap | None

    def of(self, number: int) -> tuple[Holder, ...] | Gap:
        """The holders of a group. Returns the gap if nobody is seen, and not all are shown."""
        return self.groups.get(number, self.gap or ())


def group_of(root: Root, path: str, dev: str = DEV) -> int | None:
    """The number of the group that the file at `path` opens. Returns None for any other file.

    The group of a node vfioX is looked up each time, because the kernel reuses node names.
    """
    if not path.startswith(f"{dev}/"):
        return None
    name = path[len(dev) + 1 :]
    if name.startswith(_DEVICES):
        link = f"{_CLASS}/{name.removeprefix(_DEVICES)}/device/iommu_group"
        try:
            name = root.readlink(link).rpartition("/")[2]
        except OSError:  # the device is gone
            return None
    number = name.removeprefix(_NO_IOMMU)
    return int(number) if number.isascii() and number.isdecimal() else None


def running() -> list[int]:
    """The ids of all processes that /proc shows."""
    return [int(name) for name in os.listdir("/proc") if name.isascii() and name.isdecimal()]


def look(
    group_of: Callable[[str], int | None],
    processes: Iterable[int],
    holder: Callable[[int], Holder],
    device: str = DEVICE,
) -> Held:
    """Find who holds which group.

    `group_of` returns the number of the group that the file at a path opens, or None. `holder`
    describes a process. `device` is what /proc shows of a device that tells no group. If a process
    has one and no node, any group may be held.
    """
    holders: dict[int, list[Holder]] = {}
    gap = _blind()
    for pid in processes:
        try:
            paths = set(_open_files(pid))
            groups = {group for group in map(group_of, paths) if group is not None}
        except PermissionError:
            gap = gap or Gap(Why.DENIED, _SOURCE, _NO_PRIVILEGE)
            continue
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ESRCH}:
                raise
            continue  # the process has ended
        if device in paths and not groups:
            gap = gap or _some_group(holder(pid))
        for group in groups:
            holders.setdefault(group, []).append(holder(pid))
    return Held({group: tuple(sorted(those)) for group, those in holders.items()}, gap)


def _open_files(pid: int) -> Iterable[str]:
    directory = f"/proc/{pid}/fd"
    for descriptor in os.listdir(directory):
        try:
            yield os.readlink(f"{directory}/{descriptor}")
        except FileNotFoundError:
            continue  # the descriptor was closed meanwhile


def _some_group(holder: Holder) -> Gap:
    """The gap that a process leaves which holds a group, and does not show which."""
    said = f"process {holder.pid} ({holder.name}) has a device open whose group is not shown"
    return Gap(Why.ABSENT, f"/proc/{holder.pid}/fd", f"who holds /dev/vfio is not known: {said}")


def _blind() -> Gap | None:
    """The gap if /proc does not show the other processes. Returns None if it does."""
    if os.readlink("/proc/self/ns/pid") != _INIT_PID_NAMESPACE:
        return Gap(Why.DENIED, _SOURCE, _NAMESPACE)
    if not os.path.exists("/proc/1"):  # hidepid=, ProtectProc=
        return Gap(Why.DENIED, _SOURCE, _NO_PRIVILEGE)
    return None


def plain_holder(pid: int) -> Holder:
    """The process by its name alone (proc_pid_comm(5)); "?" if it has ended."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            name = file.read(NAME).decode("ascii", "replace").removesuffix("\n")
    except OSError:
        name = "?"
    return Holder(pid, printable(name), None)
