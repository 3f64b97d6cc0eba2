"""A Report under another policy than the one that its headlines are of."""

from collections.abc import Iterable

from vfioguard.judging.again import AT_ONCE
from vfioguard.judging.evaluate import Judged
from vfioguard.judging.group_verdicts import by_policy
from vfioguard.judging.policies import policy
from vfioguard.report import GroupReport


def under(judged: Judged, name: str, groups: Iterable[GroupReport]) -> list[GroupReport]:
    """Groups of the Report with the verdicts of the policy `name` as their headlines.

    Pinning that policy changes nothing else in a Report. A verdict that the group has already is
    that very object. Several threads may call this at once. Raises `UnknownPolicy`.
    """
    host = judged.host.for_another_thread()
    verdict = by_policy(host, policy(name))
    found: list[GroupReport] = []
    for group in groups:
        members = judged.snapshot.group(group.id)
        assert members is not None, "a Report has the groups of its Snapshot"
        new = verdict(members)
        known = (group.headline, group.series, *[verdict for _, verdict in group.backends])
        found.append(group._replace(headline=next((one for one in known if one == new), new)))
        if len(found) % AT_ONCE == 0:
            host.forget()
    host.forget()
    return found
