"""The one clause that says why a group has its outcome."""

from __future__ import annotations

from vfioguard.folding import Folded, fold, join, own
from vfioguard.logic import Answer
from vfioguard.report import GroupReport
from vfioguard.verdict import Outcome


def reason(group: GroupReport) -> str:
    """Why the headline's interrupt test has its truth, in one clause that is true.

    It is said by the deepest answer, following the first part of each, up to a contradiction. If
    that claim does not name a device of the group (but another group's device, or an interrupt of
    the machine), the claim above it tells more.
    """
    verdict = group.headline
    undecided = verdict.outcome is Outcome.UNKNOWN and verdict.isolated.truth is False
    above = answer = verdict.override if undecided else verdict.isolated
    while answer.because and isinstance(answer.because[0], Answer):
        if answer.truth is None and answer.because[0].truth is not None:
            return answer.said  # its witnesses contradict each other
        above, answer = answer, answer.because[0]
    said = answer.said
    if not undecided and not any(member.name in said for member in group.devices):
        return above.said
    return said


def general_reason(group: GroupReport) -> str:
    """The reason without the names of the group's devices, which may come and go."""
    return join([folded_reason(group)])


def folded_reason(group: GroupReport) -> Folded:
    """The reason without any id, so that groups share it."""
    return fold(reason(group), own(member.name for member in group.devices))
