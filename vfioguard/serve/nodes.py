"""Which device nodes open which group: /dev/vfio/N, and /dev/vfio/devices/vfioX since v6.6.

Documentation/driver-api/vfio.rst. Only groups with a member bound to a VFIO driver have any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from vfioguard.report import GroupReport
from vfioguard.root import Root

#: One link for each character device of a VFIO driver (drivers/vfio/vfio_main.c).
_CLASS = "/sys/class/vfio-dev"


class _Opened(NamedTuple):
    """How a group can be opened; `devices` of its members are bound, `names` are their nodes."""

    group: int
    devices: int
    names: frozenset[str]


class Nodes:
    """Those of one host; `by_place` has the groups with nodes by their places in the report."""

    def __init__(self, root: Callable[[], Root], dev: str) -> None:
        self._root = root
        self._dev = dev
        self.by_place: dict[int, _Opened] = {}

    def read(
        self, groups: tuple[GroupReport, ...], places: Iterable[int], *, anew: bool = False
    ) -> bool:
        """Read those of the groups at some places; whether any differ. `anew`: forget the rest."""
        was = dict(self.by_place) if anew else self.by_place
        if anew:
            self.by_place = {}
        root: Root | None = None
        differ = False
        for place in places:
            old, new = was.get(place), None
            if groups[place].on_vfio:
                root = root or self._root()
                new = _opened(root, groups[place])
            differ = differ or old != new
            self.by_place.pop(place, None)
            if new is not None:
                self.by_place[place] = new
        return differ or (anew and was.keys() != self.by_place.keys())

    def late(self) -> list[int]:
        """The places that may have other nodes by now: a driver is shown before its nodes are."""
        try:
            there = set(self._root().listdir(_CLASS))
        except OSError:
            return []  # a kernel without such nodes
        return [
            place
            for place, one in self.by_place.items()
            if len(one.names) < one.devices or not one.names <= there
        ]

    def paths(self) -> dict[str, int]:
        """Path -> the group that it opens."""
        return {path: one.group for one in self.by_place.values() for path in self._paths(one)}

    def _paths(self, one: _Opened) -> Iterator[str]:
        yield f"{self._dev}/{one.group}"
        yield f"{self._dev}/noiommu-{one.group}"
        for name in one.names:
            yield f"{self._dev}/devices/{name}"


def _opened(root: Root, group: GroupReport) -> _Opened:
    names: set[str] = set()
    bound = 0
    for device in group.devices:
        bound += device.on_vfio
        try:
            names.update(root.listdir(f"/sys/bus/{device.bus}/devices/{device.name}/vfio-dev"))
        except OSError:
            continue  # a kernel without such nodes, or a member with another driver
    return _Opened(group.id, bound, frozenset(names))
