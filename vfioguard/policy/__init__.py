"""One file per kernel predicate that decides an attach, named as the kernel names it."""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.attach import Backend
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.typed import NamedTuple, TypeAlias

Isolated: TypeAlias = Callable[[Members], Answer]


class Policy(NamedTuple):
    """One predicate: `carried` says whether the running kernel decides by it.

    `isolated(host)(members)` is its test. `backend` is the backend whose attach it decides, or None
    if no kernel carries the policy; such a policy is always evaluated with type1's override.
    """

    name: str
    backend: Backend | None
    kernels: str
    summary: str
    source: str
    carried: Callable[[Host], Answer]
    isolated: Callable[[Host], Isolated]
