"""One file for each thing about the whole host that a person should look at beside the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.logic import Answer
from vfioguard.report import GroupReport, Step
from vfioguard.typed import NamedTuple, TypeAlias


class Found(NamedTuple):
    """One thing found on a host; `because` is its proof and names the files it rests on.

    `change` are the steps against it, in their order.
    """

    summary: str
    because: Answer
    change: tuple[Step, ...] = ()


#: Takes a host and the gaps in its snapshot (judging/unread.py), and gives what it found.
Find: TypeAlias = Callable[[Host, tuple[Gap, ...]], Iterable[Found]]
#: The same with the reports on its groups.
FindInGroups: TypeAlias = Callable[[Host, Sequence[GroupReport]], Iterable[Found]]


class Finding(NamedTuple):
    """A kind of finding; `severity` is "warning" or "critical", as alerts call it.

    `find` asks the host, `find_in_groups` its groups. A kind has one of them. What only the daemon
    can tell has neither. `of_facts`: it is silent if a fact that it rests on is assumed.
    """

    name: str
    severity: str
    find: Find | None = None
    find_in_groups: FindInGroups | None = None
    of_facts: bool = False
