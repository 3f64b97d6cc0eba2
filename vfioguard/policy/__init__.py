"""One file per kernel predicate that decides an attach, named as the kernel names it."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer

Isolated: TypeAlias = Callable[[Members], Answer]


class Policy(NamedTuple):
    """`carried`: whether the running kernel decides by it. `isolated(host)(members)`: its test.

    `backend` names whose attach it decides; None for a policy that no kernel carries, which is
    always evaluated with type1's override.
    """

    name: str
    backend: str | None
    kernels: str
    summary: str
    source: str
    carried: Callable[[Host], Answer]
    isolated: Callable[[Host], Isolated]
