"""The verdict of one policy on one group, and what an override and an assumption make of it."""

from __future__ import annotations

from enum import StrEnum

from vfioguard.logic import Answer
from vfioguard.typed import NamedTuple


class Outcome(StrEnum):
    """The possible outcomes, from best to worst, as `severity` orders them."""

    ALLOWED = "allowed"
    BY_OVERRIDE = "allowed-by-override"
    UNKNOWN = "unknown"
    REFUSED = "refused"


_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}
# 0 all allowed, 1 some need the override, 2 some refused, 3 unknown.
_EXIT = {Outcome.ALLOWED: 0, Outcome.BY_OVERRIDE: 1, Outcome.REFUSED: 2, Outcome.UNKNOWN: 3}


def severity(outcome: Outcome) -> int:
    """The rank of an outcome: the worst outcome has the highest."""
    return _SEVERITY[outcome]


def exit_code(outcome: Outcome) -> int:
    """The exit status of a command whose worst outcome this is."""
    return _EXIT[outcome]


#: The policy of a verdict if the kernel has no backend, or no known policy decides.
NONE = "none"


class Verdict(NamedTuple):
    """`isolated` is the kernel's interrupt test, `override` whether that test is switched off."""

    policy: str
    outcome: Outcome
    isolated: Answer
    override: Answer

    @property
    def needs_override(self) -> bool | None:
        """Whether the attach is refused while every override is off.

        Returns None if that is not known, or if no override helps.
        """
        if self.isolated.truth is None or self.policy == NONE:
            return None
        return not self.isolated.truth


def judge(policy: str, isolated: Answer, override: Answer) -> Verdict:
    """The verdict of `policy`: the interrupt test and the override give the outcome."""
    return Verdict(
        policy=policy,
        outcome=_outcome(isolated.truth, override.truth),
        isolated=isolated,
        override=override,
    )


def _outcome(isolated: bool | None, override: bool | None) -> Outcome:
    if isolated is True:
        return Outcome.ALLOWED
    if isolated is None or override is None:
        # With the override the attach succeeds, but whether it needs the override is not known.
        return Outcome.UNKNOWN
    return Outcome.BY_OVERRIDE if override else Outcome.REFUSED


class OverrideReport(NamedTuple):
    """A module's parameter.

    `value` is None if the module is not loaded or the parameter cannot be read. `pending` is the
    value that loading the module would set, or None if the module is loaded or that is not known.
    """

    name: str
    value: bool | None
    pending: bool | None


class Shift(NamedTuple):
    """The groups whose outcome an assumption changes from `before` to `after`."""

    before: Outcome
    after: Outcome
    groups: tuple[int, ...]
