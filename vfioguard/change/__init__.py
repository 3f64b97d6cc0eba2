"""What became different between two readings of a host: values that every face tells.

The kernel gives a group's number away again after hot-plug and reboot, so a group is the same group
while it shares members with what it was (match.py), whatever its number.
"""

from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from vfioguard.change.state import MemberState
from vfioguard.verdict import Outcome, severity

#: Version of the JSON form; fields are added under the same number, never changed.
SCHEMA_VERSION: Final = 1

Value: TypeAlias = "str | int | bool | tuple[str, ...] | None"


class Kind(StrEnum):
    """The closed set of changes, in the order in which they are told."""

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
    """Whether fewer devices may be handed to a guest, or with less protection, than before."""

    WORSE = "worse"
    NEITHER = "neither"
    BETTER = "better"


class Change(NamedTuple):
    """One thing that is different.

    `subject` is "group:12" (its number now, or its last one), a device, a parameter, a finding or
    "host". Of a membership `before` and `after` are those members only that left and that joined;
    of a group that appeared or vanished they are its outcome. `cause` is what else changed at the
    same time and bears on it, or the reason of the verdict, or None. `at` is when `after` was read
    (RFC 3339, UTC), `group` the number where there is one, `devices` the members concerned.
    """

    kind: Kind
    subject: str
    before: Value
    after: Value
    cause: str | None
    at: str
    group: int | None = None
    devices: tuple[MemberState, ...] = ()

    @property
    def direction(self) -> Direction:
        """Which way it turned; many changes turn neither way."""
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
