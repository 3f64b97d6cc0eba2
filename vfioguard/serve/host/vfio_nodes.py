"""Which device nodes open which group: /dev/vfio/N, and /dev/vfio/devices/vfioX since v6.6.

Documentation/driver-api/vfio.rst. Only groups with a member bound to a VFIO driver have any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import compress, count

from vfioguard.report import GroupReport
from vfioguard.root import Root

#: vfioX -> the device node's own directory, whose `device` is the function (vfio_main.c).
_CLASS = "/sys/class/vfio-dev"
_NO_IOMMU = "noiommu-"
_DEVICES = "devices/"


class Nodes:
    """Those of one host. `dev` is the directory of the nodes."""

    def __init__(self, root: Callable[[], Root], dev: str) -> None:
        self._root = root
        self._dev = dev + "/"
        #: By the place of a group in the report: of thousands of groups one byte each.
        self._bound = bytearray()

    def see(self, groups: tuple[GroupReport, ...], changed: Iterable[int] | None) -> bool:
        """Take in a report in which these places `changed`, None: all may be others.

        Whether other groups have nodes now.
        """
        if changed is None:
            self._bound = bytearray([group.on_vfio for group in groups])
            return True
        differ = False
        for place in changed:
            bound = groups[place].on_vfio
            differ = differ or bound is not bool(self._bound[place])
            self._bound[place] = bound
        return differ

    def places(self) -> Iterator[int]:
        """Of the groups that have nodes."""
        return compress(count(), self._bound)

    def group_of(self, path: str) -> int | None:
        """The number of the group that a file opens, None for any other file.

        What a node is of is read when somebody has it open: the kernel gives its name away again.
        """
        if not path.startswith(self._dev):
            return None
        name = path[len(self._dev) :]
        if name.startswith(_DEVICES):
            name = self._link(f"{_CLASS}/{name.removeprefix(_DEVICES)}/device/iommu_group")
        number = name.removeprefix(_NO_IOMMU)
        return int(number) if number.isascii() and number.isdecimal() else None

    def __bool__(self) -> bool:
        return True in self._bound  # not any(), which takes 0.2 ms for 16,384

    def _link(self, path: str) -> str:
        """What it leads to, without directories; "" where there is none any more."""
        try:
            return self._root().readlink(path).rpartition("/")[2]
        except OSError:
            return ""
