"""One file for each cause of a refusal: why this host refuses, and what to change on it.

A cause holds only if it is why: it rests on the part of the verdict's proof that decided, or on
the state that this part asks of. It reads nothing. What a leaf may share with others stands in the
rooms below this one (`parts/`, `boot/`).
"""

from __future__ import annotations

from collections.abc import Callable

from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import GroupReport
from vfioguard.report import Step as Step
from vfioguard.typed import NamedTuple, TypeAlias

#: Ranks, in which causes are told: what somebody chose, what was found, and what is told only if
#: no other cause holds.
CHOSEN = 0
FOUND = 1
ELSE = 2


class Caused(NamedTuple):
    """A cause that holds here.

    `sentence` is plain and in denied form ("Interrupt remapping is off: ..."). `rule` names the
    kernel's function, since and until. `because` proves the sentence. `change` are steps in their
    order; `helps` is False if none of them lets the kernel's own test pass on this machine.
    `ticket` is a paragraph for the vendor of a faulty firmware, or None.
    """

    sentence: str
    rule: str
    because: Answer
    change: tuple[Step, ...]
    helps: bool = True
    ticket: str | None = None


#: Takes a host, the report on a group and its members; both are None for a device without a group.
Applies: TypeAlias = Callable[[Host, GroupReport | None, Members | None], Caused | None]


class Cause(NamedTuple):
    """A kind of cause. `name` is that of its file, of metrics' labels and of JSON.

    Causes are told by `rank`, those of one rank by name; `ELSE` holds only if no other does. `here`
    is asked once for a host: if it says no, the cause holds for none of its groups. It is None if
    each group has to be asked.
    """

    name: str
    applies: Applies
    rank: int = FOUND
    here: Callable[[Host], bool] | None = None
