"""One file for each thing about the whole host that a person should look at beside the verdicts."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.logic import Answer


class Found(NamedTuple):
    """One thing found on a host; `because` is its proof and names the files it rests on."""

    summary: str
    because: Answer


#: Takes a host and the gaps in its snapshot (judging/unread.py), and gives what it found.
Find: TypeAlias = Callable[[Host, tuple[Gap, ...]], Iterable[Found]]


class Finding(NamedTuple):
    """A kind of finding; `severity` is "warning" or "critical", as alerts call it."""

    name: str
    severity: str
    find: Find
