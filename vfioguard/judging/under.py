"""The headlines of a Report under another policy."""

from collections.abc import Iterable

from vfioguard.judging.again import AT_ONCE
from vfioguard.judging.evaluate import Judged
from vfioguard.judging.group_verdicts import by_policy
from vfioguard.judging.policies import policy
from vfioguard.report import GroupReport


def under(judged: Judged, name: str, groups: Iterable[GroupReport]) -> list[GroupReport]:
    """The `groups` of a Report, with the verdicts of the policy `name` as their headlines.

    Pinning that policy changes nothing else in a group's report. If a group already has an equal
    verdict, its headline is that very object. Several threads may call this at once. Raises
    UnknownPolicy.
    """
    host = judged.host.for_another_thread()
    verdict = by_policy(host, policy(name))
    reports: list[GroupReport] = []
    for group in groups:
        members = judged.snapshot.group(group.id)
        assert members is not None, "a Report has the groups of its Snapshot"
        new = verdict(members)
        known = (group.headline, group.series, *[verdict for _, verdict in group.backends])
        reports.append(group._replace(headline=next((old for old in known if old == new), new)))
        if len(reports) % AT_ONCE == 0:
            host.forget()
    host.forget()
    return reports
