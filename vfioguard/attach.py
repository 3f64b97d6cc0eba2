"""The whole attach: what a user gets who hands a group to a guest, interrupts included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from vfioguard.fact import Reading
from vfioguard.logic import Answer
from vfioguard.typed import Literal, NamedTuple, TypeAlias


class Attach(StrEnum):
    """Whether an attach succeeds, from best to worst."""

    YES = "yes"
    BY_OVERRIDE = "yes-by-override"
    UNKNOWN = "unknown"
    NO = "no"


_RANK = {answer: rank for rank, answer in enumerate(Attach)}


def rank(answer: Attach) -> int:
    """The rank of an answer: the worst has the highest."""
    return _RANK[answer]


#: 0 yes, 1 by the override, 2 no, 3 unknown.
_EXIT = {Attach.YES: 0, Attach.BY_OVERRIDE: 1, Attach.NO: 2, Attach.UNKNOWN: 3}


def status(answer: Attach) -> int:
    """The exit status of a command with this answer."""
    return _EXIT[answer]


#: The ways to attach that vfioguard knows.
Backend: TypeAlias = Literal["type1", "iommufd", "spapr_tce"]
#: All of them, in the order in which they are shown.
BACKENDS: tuple[Backend, ...] = ("type1", "iommufd", "spapr_tce")
#: The calls of an attach, as their users name them, in the order in which they are made.
Call: TypeAlias = Literal[
    "bind",
    "open",
    "VFIO_GROUP_SET_CONTAINER",
    "VFIO_SET_IOMMU",
    "VFIO_GROUP_GET_DEVICE_FD",
    "VFIO_DEVICE_BIND_IOMMUFD",
]
BIND: Call = "bind"
OPEN: Call = "open"
SET_CONTAINER: Call = "VFIO_GROUP_SET_CONTAINER"
SET_IOMMU: Call = "VFIO_SET_IOMMU"
GET_DEVICE_FD: Call = "VFIO_GROUP_GET_DEVICE_FD"
BIND_IOMMUFD: Call = "VFIO_DEVICE_BIND_IOMMUFD"
CALLS: tuple[Call, ...] = (BIND, OPEN, SET_CONTAINER, SET_IOMMU, GET_DEVICE_FD, BIND_IOMMUFD)


#: The name of the blocker that is told and decides nothing (blocker/no_matching_id.py).
NO_MATCHING_ID = "no_matching_id"
#: The name of the blocker of members that stay on drivers of the host (blocker/not_viable.py).
NOT_VIABLE = "not_viable"


class Blocker(NamedTuple):
    """A reason besides the interrupts for which the kernel refuses an attach.

    `lasting`: it holds for good on this boot; otherwise `change` are the commands that remove it.
    `device` is the member it concerns, or None. `errno` and `call` are what the user meets; `errno`
    is None if that hangs on what is not known. `because` proves it. Its truth is None if it is not
    known whether the kernel refuses.
    """

    name: str
    lasting: bool
    device: str | None
    errno: str | None
    call: Call
    because: Answer
    change: tuple[str, ...] = ()


class Attachment(NamedTuple):
    """The attach of one group through one backend.

    `attach` is the answer once every member that can take a VFIO driver is bound to one: lasting
    blockers and the interrupts decide. `now` is the answer as it stands, or None while no member
    is on a VFIO driver. `errno` and `call` are the first that the kernel gives, as it stands if
    `now` is an answer. They are None if it gives none, or if what comes first is not known.
    """

    attach: Attach
    now: Attach | None = None
    blockers: tuple[Blocker, ...] = ()
    errno: str | None = None
    call: Call | None = None

    @property
    def worst(self) -> Attach:
        """The worse of both answers."""
        return self.attach if self.now is None else max(self.attach, self.now, key=rank)


class Ask(NamedTuple):
    """A target of `check`: devices that a guest shall get.

    `target` is its name as the kernel has it. `functions` are (number of the group, or None, name).
    `group` is the number if the target is a whole group: then its members are named that a VFIO
    driver takes.
    """

    target: str
    functions: tuple[tuple[int | None, str], ...]
    group: int | None = None


class Beside(NamedTuple):
    """What was read for the targets alone. `needed` is None if nobody looked.

    `needed` says what the host needs its functions for. It has every target that may have a use.
    `unsure` are such uses that one of these may have without being known to. `overrides` are the
    `driver_override` of functions, "" for none.
    """

    needed: Mapping[str, tuple[str, ...]] | None = None
    unsure: tuple[str, ...] = ()
    overrides: Mapping[str, Reading[str]] = MappingProxyType({})


class How(NamedTuple):
    """How `check` asks: with nothing bound for it (`now`), or for the interrupts alone.

    `expect` are the ids ("8086:10d3") that the functions may have, or empty for any. `sparing`: a
    function that the host needs is refused.
    """

    now: bool = False
    interrupts: bool = False
    expect: tuple[str, ...] = ()
    sparing: bool = False
    beside: Beside = Beside()


class Objection(NamedTuple):
    """Why the asker refuses an attach, or may have to. `answer` is `no` or `unknown`."""

    answer: Attach
    sentence: str


def needs(name: str, roles: Iterable[str]) -> str:
    """That the host needs a device, and what for."""
    return f"the host needs {name}: it has {', '.join(roles)}"


class OneBackend(NamedTuple):
    """What an attach of a target through one backend meets."""

    answer: Attach
    blockers: tuple[Blocker, ...] = ()
    errno: str | None = None
    call: Call | None = None
