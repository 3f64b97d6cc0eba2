"""The differences between two readings of a host, as values that every face tells.

The kernel reuses a group's number after hot-plug and reboot. So a group counts as the same as long
as it shares members with its former self (match.py), whatever its number.
"""

from __future__ import annotations

from enum import StrEnum

from vfioguard.change.state import MemberState
from vfioguard.typed import Literal, NamedTuple, TypeAlias
from vfioguard.verdict import Outcome, severity

#: Version of the JSON form; fields are added under the same number, never changed.
SCHEMA_VERSION: Literal[1] = 1

Value: TypeAlias = "str | int | bool | tuple[str, ...] | None"


class Kind(StrEnum):
    """The closed set of changes, in the order in which faces tell them."""

    BOOT = "boot"
    KERNEL = "kernel"
    POLICY = "policy"
    REMAPPING = "remapping"
    OVERRIDE = "override"
    EVIDENCE = "evidence"
    FINDING_APPEARED = "finding_appeared"
    FINDING_CLEARED = "finding_cleared"
    OUTCOME = "outcome"
    GROUP_APPEARED = "group_appeared"
    GROUP_VANISHED = "group_vanished"
    MEMBERSHIP = "membership"
    UNGROUPED = "ungrouped"
    DRIVER = "driver"
    RENUMBERED = "renumbered"


class Direction(StrEnum):
    """Which way a change turned: worse is fewer devices for guests, or less protection."""

    WORSE = "worse"
    NEITHER = "neither"
    BETTER = "better"


class Change(NamedTuple):
    """One difference.

    `subject` is "group:12" (the group's number now, or its last one), a device, a parameter, a
    finding or "host". For a membership, `before` names the members that left and `after` those that
    joined. For a group that appeared or vanished, the one that is not None is its outcome. `cause`
    names other changes that may have decided this one, or gives the verdict's reason, or is None.
    `at` is the time when the later state was read (RFC 3339, UTC). `group` is the number of the
    group concerned, if there is one; `devices` are the members concerned.
    """

    kind: Kind
    subject: str
    before: Value
    after: Value
    at: str
    cause: str | None = None
    group: int | None = None
    devices: tuple[MemberState, ...] = ()

    @property
    def direction(self) -> Direction:
        """Which way the change turned; many kinds turn neither way."""
        match self.kind:
            case Kind.OUTCOME:
                worse = _severity(self.after) > _severity(self.before)
            case Kind.REMAPPING:
                worse = self.before is True
            case Kind.OVERRIDE:
                worse = self.after is not False
            case Kind.EVIDENCE | Kind.FINDING_CLEARED:
                worse = self.after is False
            case Kind.FINDING_APPEARED:
                worse = True
            case _:
                return Direction.NEITHER
        return Direction.WORSE if worse else Direction.BETTER


def _severity(value: Value) -> int:
    return severity(Outcome(str(value)))
