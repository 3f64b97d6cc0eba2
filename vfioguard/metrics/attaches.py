"""Which groups need the override: the counts and the series that several metrics share."""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from vfioguard.metrics.addresses import addresses
from vfioguard.metrics.family import Sample
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome, Verdict, severity


class Attaches:
    """The verdicts on an attach to each group of a Report.

    `series` are at most `limit` samples of vfioguard_group_needs_override, the worst first;
    `dropped` is how many more there would be.
    """

    def __init__(self, report: Report, limit: int) -> None:
        self.groups = report.groups
        self._limit = limit
        self._pinned = report.host.pinned is not None

    @cached_property
    def _needs(self) -> list[bool | None]:
        """Whether each group needs the override; None where that is not known."""
        return [_need([v for _, v in self._deciding(group)]) for group in self.groups]

    @property
    def override_needed(self) -> int | None:
        """1 if any group needs the override, 0 if none does, None if that is not known."""
        if True in self._needs:
            return 1
        return None if None in self._needs else 0

    @property
    def exposed(self) -> int:
        """How many groups need the override, and are bound to a VFIO driver or held open now."""
        return sum(
            bool(need and (group.on_vfio or group.holders))
            for need, group in zip(self._needs, self.groups, strict=True)
        )

    @property
    def series(self) -> list[Sample]:
        """A sample for each member of each group that is not known to be allowed."""
        return self._cut[0]

    @property
    def dropped(self) -> int:
        """How many samples were cut from `series`."""
        return self._cut[1]

    @cached_property
    def _cut(self) -> tuple[list[Sample], int]:
        every = self._every_series()
        return list(islice(every, self._limit)), sum(1 for _ in every)

    def _every_series(self) -> Iterator[Sample]:
        denied = [
            (group, backend, verdict.outcome)
            for group in self.groups
            for backend, verdict in self._deciding(group)
            if verdict.outcome is not Outcome.ALLOWED
        ]
        denied.sort(key=lambda row: -severity(row[2]))
        for group, backend, outcome in denied:
            number = str(group.id)
            for address in addresses(group):
                yield (number, backend, outcome, *address), 1

    def _deciding(self, group: GroupReport) -> list[tuple[str, Verdict]]:
        """The backends with their verdicts.

        If a policy is pinned, or no backend has a verdict, it is the headline alone. That belongs
        to no backend, so the name is empty.
        """
        verdicts = [
            (backend, verdict) for backend, verdict in group.backends if verdict is not None
        ]
        return [("", group.headline)] if self._pinned or not verdicts else verdicts


def _need(verdicts: list[Verdict]) -> bool | None:
    needs = {verdict.needs_override for verdict in verdicts}
    return True if True in needs else None if None in needs else False
