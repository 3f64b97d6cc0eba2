"""From one Snapshot of a host to the next: which reports on groups can be used again."""

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
    """`differ` are the places in `groups` of those that are not as they were."""

    def __init__(
        self, old: tuple[Members, ...], reports: tuple[GroupReport, ...], new: Snapshot
    ) -> None:
        self.groups = new.members
        self._old = old
        self._reports = reports
        differ = unchanged.differing(old, self.groups)
        #: The earlier place of each group; None where all stand where they stood.
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
        """Whether those that differ at least have the same numbers."""
        return all(self.groups[at].group.id == self._old[at].group.id for at in differ)

    def reports(self) -> list[GroupReport | None]:
        """The earlier report of each group, whatever has become of the group."""
        if self._moved is None:
            return list(self._reports)
        return [None if earlier is None else self._reports[earlier] for earlier in self._moved]

    def changed(self) -> list[tuple[Device, Device]] | None:
        """The devices of groups as they were and are; None if any came, went or moved."""
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
        """What could not be read of each group that has such gaps, in the order of the groups."""
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
