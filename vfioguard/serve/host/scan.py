"""One reading of the host, in the form that is served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from vfioguard.attach import Ask, How
from vfioguard.device_facts import DeviceFacts
from vfioguard.report import (
    CauseReport,
    Checked,
    Choice,
    GroupReport,
    Report,
    UngroupedDevice,
)
from vfioguard.typed import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from vfioguard.json_shapes import explain as shapes

#: (reports on the groups of the targets, targets, choice, how) -> the answer for each target.
Gate: TypeAlias = Callable[[Iterable[GroupReport], Sequence[Ask], Choice, How], Sequence[Checked]]
#: A group, or a device in none -> its causes.
Why: TypeAlias = Callable[[GroupReport | UngroupedDevice], Sequence[CauseReport]]


class Explained(NamedTuple):
    """What `explain` says of one target: the answer as JSON, and the lines of its screen.

    `devices` are those of this host that a text names.
    """

    answer: shapes.Answer
    lines: Sequence[str]
    devices: tuple[str, ...] = ()


#: The words of a client, the group or device that they name, what its devices are -> the answer.
#: A text names none. What devices are may not be known, which is None.
Explain: TypeAlias = Callable[
    [str, GroupReport | UngroupedDevice | None, Mapping[str, DeviceFacts] | None], Explained
]
#: Names of devices -> what each is, by name; None if that could not be read in time.
Facts: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, DeviceFacts] | None]]


#: (number of a group, states, kernel) -> the report on that group. Raises ValueError, one line.
WhatIf: TypeAlias = Callable[[int, Sequence[str], str | None], GroupReport]


class Scan(NamedTuple):
    """One reading of the host.

    `under` judges groups of the report by the policy and backend that it is given. If `state` is
    the same object as in the scan before, every choice gives the same verdicts as before.
    `taken_at` is Unix time in seconds. `seconds` is how long reading and judging took. `firmware`
    returns the decoded tables as JSON, as the same object while the tables are the same. `check`
    answers the gate, `why` tells the causes of a group, `explain` all that `explain` does, and
    `what_if` judges a group as if something were so. Any thread may call these functions, which do
    not read the host. `facts` reads what devices are, in a thread of its own; the loop calls it.
    """

    report: Report
    under: Callable[[Choice, Iterable[GroupReport]], Sequence[GroupReport]]
    check: Gate
    why: Why
    explain: Explain
    what_if: WhatIf
    state: object
    taken_at: float
    seconds: float
    firmware: Callable[[], bytes] | None = None
    facts: Facts | None = None
