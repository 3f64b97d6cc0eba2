"""A group's report with the processes that hold it."""

from __future__ import annotations

from vfioguard.blocker import held as blocker
from vfioguard.fact import Gap
from vfioguard.report import GroupReport, Holder


def held_by(group: GroupReport, holders: tuple[Holder, ...] | Gap) -> GroupReport:
    """The report on the group as it stands while `holders` have it open."""
    if isinstance(holders, Gap):
        return group._replace(unseen=holders)
    if not holders:
        return group._replace(holders=holders)
    attachments = tuple(
        [
            (name, attachment and blocker.held(attachment, name, holders))
            for name, attachment in group.attachments
        ]
    )
    worst = blocker.held(group.attachment, "type1", holders)
    # The holder gives the first errno, EBUSY when the group is opened.
    met = () if worst is group.attachment else (blocker.BLOCKER.name,)
    return group._replace(
        holders=holders,
        attachments=attachments,
        attachment=worst,
        causes=(*met, *group.causes),
    )
