"""Which group of now is which group of then.

A group is its members. Of all pairs that share devices the one that shares most is matched first,
then the next of those left; where two share as many, the one whose number stayed, then the lower
numbers. So a group that splits lives on in its larger part, and one that swallows another is the
one most of whose members it has. The rule reads the same in both directions of time.

A group without a known member is matched by its number alone, and only with what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vfioguard.change.state import GroupState, Key


class Matching(NamedTuple):
    """Each group in exactly one place: (then, now), only then, or only now."""

    pairs: tuple[tuple[GroupState, GroupState], ...]
    gone: tuple[GroupState, ...]
    new: tuple[GroupState, ...]


def match(before: Sequence[GroupState], after: Sequence[GroupState]) -> Matching:
    """Match groups in time that grows with the number of devices."""
    then, now = _homes(before), _homes(after)
    shared = Counter((then[key], now[key]) for key in then.keys() & now.keys())

    def rank(pair: tuple[int, int]) -> tuple[int, bool, int, int]:
        one, other = before[pair[0]].id, after[pair[1]].id
        return -shared[pair], one != other, min(one, other), max(one, other)

    found: dict[int, int] = {}
    taken: set[int] = set()
    for one, other in sorted(shared, key=rank):
        if one not in found and other not in taken:
            found[one] = other
            taken.add(other)
    _match_empty(before, after, found, taken)
    return Matching(
        tuple((before[one], after[other]) for one, other in sorted(found.items())),
        tuple(group for number, group in enumerate(before) if number not in found),
        tuple(group for number, group in enumerate(after) if number not in taken),
    )


def _homes(groups: Sequence[GroupState]) -> dict[Key, int]:
    """Device -> index of its group: the first one, should a hostile tree show it in several."""
    homes: dict[Key, int] = {}
    for number, group in enumerate(groups):
        for member in group.members:
            homes.setdefault(member.key, number)
    return homes


def _match_empty(
    before: Sequence[GroupState],
    after: Sequence[GroupState],
    found: dict[int, int],
    taken: set[int],
) -> None:
    left = {group.id: number for number, group in enumerate(after) if number not in taken}
    for number, group in enumerate(before):
        other = left.get(group.id)
        if number in found or other is None:
            continue
        if not group.members or not after[other].members:
            found[number] = other
            taken.add(other)
