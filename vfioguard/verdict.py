"""What one policy says of one group."""

from enum import StrEnum
from typing import NamedTuple

from vfioguard.logic import Answer


class Outcome(StrEnum):
    """The closed set of answers, from best to worst as `severity` orders them."""

    ALLOWED = "allowed"
    BY_OVERRIDE = "allowed-by-override"
    UNKNOWN = "unknown"
    REFUSED = "refused"


_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}
# 0 all allowed, 1 some need the override, 2 some refused, 3 unknown.
_EXIT = {Outcome.ALLOWED: 0, Outcome.BY_OVERRIDE: 1, Outcome.REFUSED: 2, Outcome.UNKNOWN: 3}


def severity(outcome: Outcome) -> int:
    """Order outcomes; the worst of a set is its maximum."""
    return _SEVERITY[outcome]


def exit_code(outcome: Outcome) -> int:
    """The exit status that a script sees for this outcome as the worst of what was asked."""
    return _EXIT[outcome]


#: The policy of a verdict where the kernel decides by none that is known, or has no backend.
NONE = "none"


class Verdict(NamedTuple):
    """`isolated` is the kernel's interrupt test alone, `override` whether it is switched off."""

    policy: str
    outcome: Outcome
    isolated: Answer
    override: Answer

    @property
    def needs_override(self) -> bool | None:
        """Whether the attach is refused while every override is off.

        None: not known, or no override helps.
        """
        if self.isolated.truth is None or self.policy == NONE:
            return None
        return not self.isolated.truth


def judge(policy: str, isolated: Answer, override: Answer) -> Verdict:
    """Join the interrupt test and the override into the outcome."""
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
        # With the override on the attach succeeds, but whether it needed it is not known.
        return Outcome.UNKNOWN
    return Outcome.BY_OVERRIDE if override else Outcome.REFUSED
