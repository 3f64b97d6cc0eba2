"""Which members of a group the targets of `check` name, and what blocks each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vfioguard.attach import Ask
from vfioguard.blocker import Blocked, Kind
from vfioguard.typed import NamedTuple


class Met(NamedTuple):
    """What blocks a group's attach: all its members, or one of them alone."""

    every: list[tuple[Kind, Blocked]]
    own: dict[str, list[tuple[Kind, Blocked]]]

    def by(self, mine: Iterable[str]) -> list[tuple[Kind, Blocked]]:
        """What a guest meets that gets these members."""
        return self.every + [pair for name in mine for pair in self.own.get(name, ())]


def met_by_member(blocked: Iterable[tuple[Kind, Blocked]]) -> Met:
    """The blockers, told apart."""
    met = Met([], {})
    for kind, each in blocked:
        alone = kind.own and each.device is not None
        (met.own.setdefault(each.device or "", []) if alone else met.every).append((kind, each))
    return met


def by_group(functions: Iterable[tuple[int | None, str]]) -> dict[int | None, dict[str, None]]:
    """The names by their group, in their order, each once."""
    groups: dict[int | None, dict[str, None]] = {}
    for number, name in functions:
        groups.setdefault(number, {})[name] = None
    return groups


def named(asks: Sequence[Ask]) -> tuple[dict[int | None, dict[str, None]], set[int]]:
    """The members that are named themselves, by group, and the groups that are named whole."""
    distinct = {ask.target: ask for ask in asks}.values()
    alone = [function for ask in distinct if ask.group is None for function in ask.functions]
    return by_group(alone), {ask.group for ask in distinct if ask.group is not None}
