"""What an attach to each group meets: the counts and the series that several metrics share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice

from vfioguard.attach import Attach, Attachment
from vfioguard.metrics.addresses import address, addresses
from vfioguard.metrics.family import Sample
from vfioguard.report import GroupReport, Report
from vfioguard.verdict import Outcome, Verdict, severity

#: A group that a guest has is counted by vfioguard_held_groups, and nothing is wrong with it.
_HELD = "held"
NEEDS_OVERRIDE, BLOCKED = "vfioguard_group_needs_override", "vfioguard_group_blocked"


class Attaches:
    """The verdicts on an attach to each group of a Report that a VFIO driver may take.

    `needs_override` and `blocked` are the samples of the metrics of these names, at most `limit` of
    each. `dropped` has how many more there would be, by the name of the metric.
    """

    def __init__(self, report: Report, limit: int) -> None:
        self.groups = report.attachable
        #: How many groups no VFIO driver can take a member of.
        self.not_attachable = len(report.groups) - len(self.groups)
        self._host = report.host
        self._limit = limit

    @cached_property
    def _needs(self) -> list[bool | None]:
        """Whether each group needs the override; None where that is not known."""
        return [
            _need([verdict for _, verdict in group.deciding(self._host)]) for group in self.groups
        ]

    @property
    def override_needed(self) -> int | None:
        """1 if any group needs the override, 0 if none does, None if that is not known."""
        if True in self._needs:
            return 1
        return None if None in self._needs else 0

    @property
    def exposed(self) -> int:
        """How many groups the override lets through, and are bound to VFIO or held open now."""
        used = (group for group in self.groups if group.on_vfio or group.holders)
        return sum(any(self._let_through(group)) for group in used)

    def _let_through(self, group: GroupReport) -> Iterator[bool]:
        """Whether the override is all that lets a guest have the group, by each way to attach."""
        attachments = dict(group.attachments)
        for backend, verdict in group.deciding(self._host):
            attachment = attachments.get(backend) or group.attachment
            passes = verdict.override.truth is True and verdict.isolated.truth is not True
            yield passes and attachment.attach is not Attach.NO

    @property
    def needs_override(self) -> list[Sample]:
        """A sample for each member of each group that is not known to be allowed."""
        return self._cut[NEEDS_OVERRIDE][0]

    @property
    def blocked(self) -> list[Sample]:
        """A sample for each thing beside the interrupts that refuses an attach to a group."""
        return self._cut[BLOCKED][0]

    @property
    def dropped(self) -> dict[str, int]:
        """How many samples were cut."""
        return {name: cut for name, (_, cut) in self._cut.items()}

    @cached_property
    def _cut(self) -> dict[str, tuple[list[Sample], int]]:
        every = {NEEDS_OVERRIDE: self._every_need(), BLOCKED: self._every_blocker()}
        return {
            name: (list(islice(samples, self._limit)), sum(1 for _ in samples))
            for name, samples in every.items()
        }

    def _every_need(self) -> Iterator[Sample]:
        denied = [
            (group, backend, verdict.outcome)
            for group in self.groups
            for backend, verdict in group.deciding(self._host)
            if verdict.outcome is not Outcome.ALLOWED
        ]
        denied.sort(key=lambda row: -severity(row[2]))
        for group, backend, outcome in denied:
            labels = str(group.id), backend, outcome, _cause(group)
            for place in addresses(group):
                yield (*labels, *place), 1

    def _every_blocker(self) -> Iterator[Sample]:
        """Those that last first. One that can be changed counts once a member is on VFIO."""
        rows = {
            (str(group.id), blocker.name, lasting, *address(blocker.device or "")): None
            for lasting, wanted in (("true", True), ("false", False))
            for group in self.groups
            if wanted or group.on_vfio
            for blocker in group.attachment.blockers
            if blocker.lasting is wanted and blocker.because.truth and blocker.name != _HELD
        }
        return ((labels, 1) for labels in rows)

    def by_cause(self) -> Iterator[Sample]:
        """How many groups are not known to be allowed, by cause, outcome and whether bound.

        Which names a fleet has of them does not depend on its size, nor on the cut of a list.
        """
        counts = Counter(
            (_cause(group), group.outcome, "true" if group.on_vfio else "false")
            for group in self.groups
            if group.outcome is not Outcome.ALLOWED
        )
        yield from sorted(counts.items())

    def by_answer(self) -> Iterator[Sample]:
        """How many groups have each answer to an attach through each backend, zero included."""
        answers: dict[str, dict[str, int]] = {
            name: dict.fromkeys(Attach, 0) for name in ("type1", "iommufd")
        }
        for backend, attachment in self._attachments():
            counts = answers.setdefault(backend, dict.fromkeys(Attach, 0))
            counts[attachment.attach] += 1
        for backend, counts in answers.items():
            yield from (((backend, answer), number) for answer, number in counts.items())

    def _attachments(self) -> Iterable[tuple[str, Attachment]]:
        for group in self.groups:
            yield from ((name, each) for name, each in group.attachments if each is not None)


def _cause(group: GroupReport) -> str:
    """The first cause of the group's interrupts, "" if none is known."""
    blockers = {blocker.name for blocker in group.attachment.blockers}
    return next((name for name in group.causes if name not in blockers), "")


def _need(verdicts: list[Verdict]) -> bool | None:
    needs = {verdict.needs_override for verdict in verdicts}
    return True if True in needs else None if None in needs else False
