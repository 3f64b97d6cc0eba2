"""Which reports on groups can be used again for the next Snapshot of a host."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard import unchanged
from vfioguard.fact import Gap
from vfioguard.judging import unread
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.report import GroupReport
from vfioguard.snapshot import Snapshot


class Reuse:
    """Compares the groups of two Snapshots. `differ` are the places of the groups that changed."""

    def __init__(
        self, old: tuple[Members, ...], reports: tuple[GroupReport, ...], new: Snapshot
    ) -> None:
        self.groups = new.members
        self._old = old
        self._reports = reports
        differ = unchanged.differing(old, self.groups)
        #: The earlier place of each group (None: it is new), or None if no group moved.
        self._moved: list[int | None] | None = None
        if differ is None or not self._in_place(differ):
            was = {members.group.id: place for place, members in enumerate(old)}
            self._moved = [was.get(members.group.id) for members in self.groups]
            pairs = enumerate(zip(self.groups, self._moved, strict=True))
            differ = tuple(
                [
                    place
                    for place, (now, earlier) in pairs
                    if earlier is None or old[earlier] is not now
                ]
            )
        self.differ = differ

    def _in_place(self, differ: tuple[int, ...]) -> bool:
        """Whether the groups that differ have the same numbers as before."""
        return all(self.groups[place].group.id == self._old[place].group.id for place in differ)

    def reports(self) -> list[GroupReport | None]:
        """The earlier report of each group, even if the group changed. None for a new group."""
        if self._moved is None:
            return list(self._reports)
        return [None if earlier is None else self._reports[earlier] for earlier in self._moved]

    def changed(self) -> list[tuple[Device, Device]] | None:
        """The changed devices, each as it was and as it is.

        Returns None if a device came, went, or moved to another group.
        """
        if self._moved is not None:
            return None
        changed: list[tuple[Device, Device]] = []
        for place in self.differ:
            old, new = self._old[place].devices, self.groups[place].devices
            if _names(old) != _names(new):
                return None
            changed += [
                (before, now) for before, now in zip(old, new, strict=True) if before is not now
            ]
        return changed

    def gaps(self, before: Mapping[int, tuple[Gap, ...]]) -> dict[int, tuple[Gap, ...]]:
        """The gaps of each group that has any, by number, in the order of the groups.

        `before` are the gaps of the earlier groups.
        """
        new = {
            self.groups[place].group.id: unread.of_group(self.groups[place])
            for place in self.differ
        }
        if not before and not any(new.values()):
            return {}
        numbers = [members.group.id for members in self.groups]
        each = ((number, new.get(number, before.get(number, ()))) for number in numbers)
        return {number: gaps for number, gaps in each if gaps}


def _names(devices: tuple[Device, ...]) -> list[tuple[str, str]]:
    return [(device.name, device.bus) for device in devices]
