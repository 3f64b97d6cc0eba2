"""Which group of the later state is which group of the earlier one.

A group is its members. The pair of groups that shares most devices is matched first, then the next
pair of those left. If two pairs share equally many, the pair whose number stayed goes first, then
the one with lower numbers. So a group that splits lives on in its larger part. A group that
swallows another counts as the one from which it has most members. The rule is the same in both
directions of time.

A group without a known member is matched by its number alone, after all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vfioguard.change.state import GroupState, Key
from vfioguard.typed import NamedTuple


class Matching(NamedTuple):
    """Each group is in one field: `pairs` are (then, now), `gone` are only then, `new` only now."""

    pairs: tuple[tuple[GroupState, GroupState], ...]
    gone: tuple[GroupState, ...]
    new: tuple[GroupState, ...]


def match(before: Sequence[GroupState], after: Sequence[GroupState]) -> Matching:
    """Match the groups of two states; the time grows with the number of devices."""
    then, now = _homes(before), _homes(after)
    shared = Counter((then[key], now[key]) for key in then.keys() & now.keys())

    def rank(pair: tuple[int, int]) -> tuple[int, bool, int, int]:
        old, new = before[pair[0]].id, after[pair[1]].id
        return -shared[pair], old != new, min(old, new), max(old, new)

    matched: dict[int, int] = {}
    taken: set[int] = set()
    for old, new in sorted(shared, key=rank):
        if old not in matched and new not in taken:
            matched[old] = new
            taken.add(new)
    _match_empty(before, after, matched, taken)
    return Matching(
        tuple((before[old], after[new]) for old, new in sorted(matched.items())),
        tuple(group for number, group in enumerate(before) if number not in matched),
        tuple(group for number, group in enumerate(after) if number not in taken),
    )


def _homes(groups: Sequence[GroupState]) -> dict[Key, int]:
    """Device -> index of its group; of the first one, if a hostile tree shows it in several."""
    homes: dict[Key, int] = {}
    for number, group in enumerate(groups):
        for member in group.members:
            homes.setdefault(member.key, number)
    return homes


def _match_empty(
    before: Sequence[GroupState],
    after: Sequence[GroupState],
    matched: dict[int, int],
    taken: set[int],
) -> None:
    unmatched = {group.id: number for number, group in enumerate(after) if number not in taken}
    for number, group in enumerate(before):
        candidate = unmatched.get(group.id)
        if number in matched or candidate is None:
            continue
        if not group.members or not after[candidate].members:
            matched[number] = candidate
            taken.add(candidate)
