"""From one Snapshot to the next of the same host: which groups are the same objects."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard import unread
from vfioguard.differ import places_that_differ
from vfioguard.fact import Gap
from vfioguard.kernel.devices import Device
from vfioguard.kernel.group_members import Members
from vfioguard.report import GroupReport
from vfioguard.snapshot import Snapshot


class Step:
    """`differ` are the places in `groups` of those that are not as they were.

    `kept` has the earlier report of each group that is as it was, None for the others.
    """

    def __init__(
        self, old: tuple[Members, ...], reports: tuple[GroupReport, ...], new: Snapshot
    ) -> None:
        self.groups = new.members
        self._old = old
        self._reports = reports
        differ = places_that_differ(old, self.groups)
        if differ is not None and self._in_place(differ):
            self.differ = differ
            kept: list[GroupReport | None] = list(reports)
            for at in self.differ:
                kept[at] = None
        else:
            was = {members.group.id: at for at, members in enumerate(old)}
            places = [was.get(members.group.id) for members in self.groups]
            kept = [
                None if at is None or old[at] is not members else reports[at]
                for members, at in zip(self.groups, places, strict=True)
            ]
            self.differ = tuple([at for at, report in enumerate(kept) if report is None])
        self.kept = tuple(kept)

    def _in_place(self, differ: tuple[int, ...]) -> bool:
        """Whether those that differ at least have the same numbers."""
        return all(self.groups[at].group.id == self._old[at].group.id for at in differ)

    def changed(self) -> list[tuple[Device, Device]] | None:
        """The devices of groups as they were and are; None where any came, went or moved."""
        if len(self._old) != len(self.groups):
            return None
        pairs: list[tuple[Device, Device]] = []
        for at in self.differ:
            old, new = self._old[at], self.groups[at]
            names = [[(d.name, d.bus) for d in one.devices] for one in (old, new)]
            if old.group.id != new.group.id or names[0] != names[1]:
                return None
            pairs += [
                pair
                for pair in zip(old.devices, new.devices, strict=True)
                if pair[0] is not pair[1]
            ]
        return pairs

    def reports_by_number(self) -> dict[int, GroupReport]:
        """The earlier reports."""
        return {report.id: report for report in self._reports}

    def gaps(self, before: Mapping[int, tuple[Gap, ...]]) -> dict[int, tuple[Gap, ...]]:
        """What could not be read of each group that has such, in the order of the groups."""
        again = {self.groups[at].group.id: unread.of_group(self.groups[at]) for at in self.differ}
        if not before and not any(again.values()):
            return {}
        numbers = [members.group.id for members in self.groups]
        found = ((number, again.get(number, before.get(number, ()))) for number in numbers)
        return {number: gaps for number, gaps in found if gaps}
