"""One file per thing about the whole host that a person should look at, beside the verdicts."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from vfioguard.fact import Gap
from vfioguard.inference.host import Host
from vfioguard.logic import Answer


class Found(NamedTuple):
    """`because` proves it: whoever doubts it finds the files there."""

    summary: str
    because: Answer


#: Of a host, and of what could not be read of it (unread.py).
Find: TypeAlias = Callable[[Host, tuple[Gap, ...]], Iterable[Found]]


class Finding(NamedTuple):
    """A kind of finding; `severity` is "warning" or "critical", as alerts call it."""

    name: str
    severity: str
    find: Find
