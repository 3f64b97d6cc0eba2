"""Which device nodes open which group: /dev/vfio/N, and /dev/vfio/devices/vfioX since v6.6.

Documentation/driver-api/vfio.rst. Only groups with a member bound to a VFIO driver have any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, count

from vfioguard.report import GroupReport
from vfioguard.root import Root

#: One link for each character device of a VFIO driver (drivers/vfio/vfio_main.c).
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
        #: vfioX -> the number of its group. What is gone may stand here until the next `late`.
        self._named: dict[str, int] = {}

    def read(
        self, groups: tuple[GroupReport, ...], places: Iterable[int], *, anew: bool = False
    ) -> bool:
        """Read those of the groups at these places; `anew`: of a host with others than before.

        Whether any is new or gone.
        """
        if anew:
            self._bound, self._named = bytearray(len(groups)), {}
        root: Root | None = None
        differ = anew
        for place in places:
            group = groups[place]
            bound = group.on_vfio
            differ = differ or bound is not bool(self._bound[place])
            self._bound[place] = bound
            if bound:
                root = root or self._root()
                found = dict.fromkeys(_names(root, group), group.id)
                differ = differ or not found.items() <= self._named.items()
                self._named |= found
        return differ

    def late(self, groups: tuple[GroupReport, ...]) -> list[int]:
        """The places that may have more nodes by now: a driver is shown before its nodes are."""
        try:
            there = set(self._root().listdir(_CLASS))
        except OSError:
            return []  # a kernel without such nodes
        self._named = {name: group for name, group in self._named.items() if name in there}
        known = Counter(self._named.values())
        return [
            place
            for place in self.places()
            if known[groups[place].id] < sum(device.on_vfio for device in groups[place].devices)
        ]

    def places(self) -> Iterator[int]:
        """Of the groups that have nodes."""
        return compress(count(), self._bound)

    def group_of(self, path: str) -> int | None:
        """The number of the group that a file opens, None for any other file."""
        if not path.startswith(self._dev):
            return None
        name = path[len(self._dev) :]
        if name.startswith(_DEVICES):
            return self._named.get(name.removeprefix(_DEVICES))
        number = name.removeprefix(_NO_IOMMU)
        return int(number) if number.isascii() and number.isdecimal() else None

    def __bool__(self) -> bool:
        return any(self._bound)


def _names(root: Root, group: GroupReport) -> Iterator[str]:
    for device in group.devices:
        try:
            yield from root.listdir(f"/sys/bus/{device.bus}/devices/{device.name}/vfio-dev")
        except OSError:
            continue  # a kernel without such nodes, or a member with another driver
