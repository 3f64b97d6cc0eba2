"""One file for each reason besides the interrupts for which the kernel refuses an attach.

A leaf is asked about an `Attempt`: a group, a backend, and which members are on a VFIO driver then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from vfioguard.attach import BIND_IOMMUFD, GET_DEVICE_FD, Blocker, Call
from vfioguard.fact import Reading
from vfioguard.inference import borders
from vfioguard.inference.host import Host
from vfioguard.kernel.devices import Device
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer
from vfioguard.report import Holder, Step
from vfioguard.typed import NamedTuple, TypeAlias


class Attempt(NamedTuple):
    """An attach of a group through a backend.

    `binding` are the members that are bound to a VFIO driver for it. `used` are those that the
    guest gets: they are on a VFIO driver by then. All other members stay as they are. `as_is`:
    nothing is bound for it, and modules that are not loaded stay so. `holders` are processes that
    have the group open. `overrides` are the `driver_override` of members, "" for none, as far as
    they were read.
    """

    host: Host
    members: Members
    backend: str
    binding: tuple[Device, ...]
    used: tuple[Device, ...]
    as_is: bool
    holders: tuple[Holder, ...] = ()
    overrides: Mapping[str, Reading[str]] = MappingProxyType({})

    def staying(self) -> list[Device]:
        """The members that are not bound for this attach."""
        bound = {device.name for device in self.binding}
        return [device for device in self.members.devices if device.name not in bound]


class Blocked(NamedTuple):
    """What blocks an attempt.

    `device` is the member it concerns, or None. `errno` and `call` are what the user meets, see
    attach.py. `place` orders the tests that the kernel makes in one call; the interrupt test has
    place 0. The truth of `because` is True, or None if it is not known whether this blocks.
    `change` are commands that remove it.
    """

    device: str | None
    errno: str | None
    call: Call
    place: int
    because: Answer
    change: tuple[str, ...] = ()


Find: TypeAlias = Callable[[Attempt], Iterable[Blocked]]


class Advice(NamedTuple):
    """What to do against blockers: steps in their order.

    `useless` says why no setting helps: the rest of a sentence. It is None if a step helps.
    """

    change: tuple[Step, ...] = ()
    useless: str | None = None


#: Takes a host, the members of a group, and its blockers of one kind, of which there is at least
#: one. It is asked only for what somebody reads.
Advise: TypeAlias = Callable[[Host, Members, Sequence[Blocker]], Advice]


class Kind(NamedTuple):
    """A kind of blocker. `lasting`: it holds for good on this boot; else it can be changed.

    `rule` names the kernel's function, since and until. `own`: it blocks its device alone, and not
    the other members of the group. `told`: it is told and decides nothing, as whoever binds the
    device sees to it.
    """

    name: str
    lasting: bool
    find: Find
    rule: str
    advise: Advise
    own: bool = False
    told: bool = False


def by_commands(do: str, blockers: Iterable[Blocker]) -> tuple[Step, ...]:
    """The step that removes these blockers by their commands. Empty if they have none.

    `do` says what a command does.
    """
    commands = list(dict.fromkeys(command for blocker in blockers for command in blocker.change))
    if not commands:
        return ()
    more = f" Do the same for {len(commands) - 1} more." if len(commands) > 1 else ""
    return (Step(f"{do}{more}", commands[0]),)


def iommufd_call(attempt: Attempt) -> Call:
    """The call in which iommufd takes a device.

    A group's own node leads there when the device is opened (drivers/vfio/group.c
    vfio_df_group_open(), 6.12.118).
    """
    return GET_DEVICE_FD if attempt.host.cdev(attempt.members).truth is False else BIND_IOMMUFD


def bind_errno(host: Host, errno: str) -> str | None:
    """The errno that the writer of a driver's `bind` gets if the probe fails with `errno`.

    Returns None if it is not known whether this kernel passes it on.
    """
    passed_on = host.has(borders.BIND_ERRNO)
    return None if passed_on is None else errno if passed_on else "ENODEV"
