"""What `try` heard from the kernel, beside what was foretold."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.attach import GET_DEVICE_FD, Attach, OneBackend, status
from vfioguard.typed import NamedTuple

#: The exit status for what was not tried, and where the kernel says something else.
NOT_AS_FORETOLD = 3


class Called(NamedTuple):
    """A call, the file or device that it was about, and its errno's name, or None for success."""

    call: str
    on: str
    errno: str | None = None


class Asked(NamedTuple):
    """What the kernel said of an attach through one backend: all calls up to the first errno.

    `opened`: devices were opened as well, so nothing of a whole attach was left out.
    """

    backend: str
    foretold: OneBackend
    calls: tuple[Called, ...]
    opened: bool

    @property
    def refused(self) -> Called | None:
        """The call that failed, or None."""
        return next((each for each in self.calls if each.errno is not None), None)

    @property
    def agrees(self) -> bool | None:
        """Whether the kernel did what was foretold.

        Returns None if nothing was foretold, or if the call that was foretold to fail was not made.
        """
        met, foretold = self.refused, self.foretold
        if foretold.answer is Attach.UNKNOWN:
            return None
        if foretold.answer is not Attach.NO:
            return met is None
        if met is None:
            left_out = not self.opened and foretold.call in {GET_DEVICE_FD, None}
            return None if left_out else False
        return foretold.errno is None or (foretold.errno, foretold.call) == (met.errno, met.call)

    @property
    def status(self) -> int:
        """The exit status: 3 if it is not as foretold; else that of the kernel's answer."""
        if self.agrees is False:
            return NOT_AS_FORETOLD
        if self.refused is not None:
            return status(Attach.NO)
        if self.foretold.answer is Attach.NO:  # not asked so far
            return NOT_AS_FORETOLD
        by_override = self.foretold.answer is Attach.BY_OVERRIDE
        return status(Attach.BY_OVERRIDE if by_override else Attach.YES)


class Tried(NamedTuple):
    """One target: what was asked, or `why_not`, a clause that says why nothing was."""

    target: str
    group: int | None
    devices: tuple[str, ...]
    why_not: str | None
    asked: tuple[Asked, ...] = ()

    @property
    def status(self) -> int:
        """The worst exit status of its backends; 3 if nothing was asked."""
        return max([each.status for each in self.asked], default=NOT_AS_FORETOLD)


def differing(tries: Iterable[Tried]) -> list[Asked]:
    """Where the kernel does something else than was foretold."""
    return [asked for each in tries for asked in each.asked if asked.agrees is False]
