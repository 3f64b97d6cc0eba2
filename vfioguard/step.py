"""From one Snapshot to the next of the same host: which groups are the same."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard import places, unread
from vfioguard.fact import Gap
from vfioguard.kernel.devices import Device
from vfioguard.kernel.group_members import Members
from vfioguard.report import GroupReport
from vfioguard.snapshot import Snapshot


class Step:
    """`differ` are the places in `groups` of those that are not as they were."""

    def __init__(
        self, old: tuple[Members, ...], reports: tuple[GroupReport, ...], new: Snapshot
    ) -> None:
        self.groups = new.members
        self._old = old
        self._reports = reports
        differ = places.differing(old, self.groups)
        #: The earlier place of each group, None where they all stand where they stood.
        self._moved: list[int | None] | None = None
        if differ is None or not self._in_place(differ):
            was = {members.group.id: at for at, members in enumerate(old)}
            self._moved = [was.get(members.group.id) for members in self.groups]
            pairs = zip(self.groups, self._moved, strict=True)
            differ = tuple(
                [n for n, (now, at) in enumerate(pairs) if at is None or old[at] is not now]
            )
        self.differ = differ

    def _in_place(self, differ: tuple[int, ...]) -> bool:
        """Whether those that differ at least have the same numbers."""
        return all(self.groups[at].group.id == self._old[at].group.id for at in differ)

    def reports(self) -> list[GroupReport | None]:
        """The earlier report of each group, whatever has become of it."""
        if self._moved is None:
            return list(self._reports)
        return [None if at is None else self._reports[at] for at in self._moved]

    def changed(self) -> list[tuple[Device, Device]] | None:
        """The devices of groups as they were and are; None where any came, went or moved."""
        if self._moved is not None:
            return None
        pairs: list[tuple[Device, Device]] = []
        for at in self.differ:
            old, new = self._old[at], self.groups[at]
            names = [[(d.name, d.bus) for d in one.devices] for one in (old, new)]
            if names[0] != names[1]:
                return None
            pairs += [
                pair
                for pair in zip(old.devices, new.devices, strict=True)
                if pair[0] is not pair[1]
            ]
        return pairs

    def gaps(self, before: Mapping[int, tuple[Gap, ...]]) -> dict[int, tuple[Gap, ...]]:
        """What could not be read of each group that has such, in the order of the groups."""
        again = {self.groups[at].group.id: unread.of_group(self.groups[at]) for at in self.differ}
        if not before and not any(again.values()):
            return {}
        numbers = [members.group.id for members in self.groups]
        found = ((number, again.get(number, before.get(number, ()))) for number in numbers)
        return {number: gaps for number, gaps in found if gaps}
