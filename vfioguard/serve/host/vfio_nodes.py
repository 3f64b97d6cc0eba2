"""Which device node opens which group: /dev/vfio/N, and /dev/vfio/devices/vfioX since v6.6.

Documentation/driver-api/vfio.rst. A group has nodes only if a VFIO driver is bound to a member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import compress, count

from vfioguard.reading.holders import group_of
from vfioguard.report import GroupReport
from vfioguard.root import Root


class Nodes:
    """The nodes of the host that `root` returns. `dev` is their directory."""

    def __init__(self, root: Callable[[], Root], dev: str) -> None:
        self._root = root
        self._dev = dev
        #: Whether a group has nodes, by its place in the report. A byte each, as there are
        #: thousands.
        self._bound = bytearray()

    def see(self, groups: tuple[GroupReport, ...], changed: Iterable[int] | None) -> bool:
        """Take in the groups of a report. Returns whether other groups have nodes than before.

        `changed` are the places of the groups that differ, or None if all may differ.
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
        """The places of the groups that have nodes."""
        return compress(count(), self._bound)

    def group_of(self, path: str) -> int | None:
        """The number of the group that the file at `path` opens. Returns None for another file."""
        return group_of(self._root(), path, self._dev) if path.startswith(self._dev) else None

    def __bool__(self) -> bool:
        return True in self._bound  # not any(), which takes 0.2 ms for 16,384
