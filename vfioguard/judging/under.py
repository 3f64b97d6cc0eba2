"""The headlines of a Report for another policy, or for one backend."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.judging import host_part
from vfioguard.judging.again import AT_ONCE
from vfioguard.judging.evaluate import Judged
from vfioguard.judging.group_verdicts import GroupVerdicts
from vfioguard.judging.policies import policies, policy
from vfioguard.report import Choice, GroupReport, UngroupedDevice


def under(judged: Judged, chosen: Choice, groups: Iterable[GroupReport]) -> list[GroupReport]:
    """The `groups` of a Report, with the headlines and attachments of what is `chosen`.

    Nothing else changes in a group's report. Several threads may call this at once. Raises
    UnknownPolicy.
    """
    if chosen.policy is not None:
        policy(chosen.policy)
    host = judged.host.for_another_thread()
    verdicts = GroupVerdicts(host, policies(), host_part.choose(judged.part, chosen))
    reports: list[GroupReport] = []
    for group in groups:
        members = judged.snapshot.group(group.id)
        assert members is not None, "a Report has the groups of its Snapshot"
        reports.append(verdicts.under(members, group))
        if len(reports) % AT_ONCE == 0:
            host.forget()
    host.forget()
    return reports


def ungrouped_under(judged: Judged, chosen: Choice) -> tuple[UngroupedDevice, ...]:
    """The devices without a group, with the forecasts of what is `chosen`."""
    if not judged.report.ungrouped:
        return ()
    from vfioguard.judging.ungrouped import ungrouped  # most hosts have no such device

    host = judged.host.for_another_thread()
    part = host_part.choose(judged.part, chosen)
    return tuple(ungrouped(GroupVerdicts(host, policies(), part)))
