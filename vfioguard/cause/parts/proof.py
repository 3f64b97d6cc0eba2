"""The parts of a verdict's proof that leave it unknown: the reads that failed, and what is open."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.logic import Answer, contradiction
from vfioguard.report import GroupReport
from vfioguard.verdict import Verdict


def unknown(group: GroupReport) -> list[Verdict]:
    """The verdicts on a group that are unknown: the headline and those of the backends."""
    verdicts = (group.headline, *[verdict for _, verdict in group.backends if verdict])
    return [verdict for verdict in verdicts if verdict.isolated.truth is None]


def gaps(answer: Answer) -> Iterator[Gap]:
    """The reads that an unknown answer lacks, in the order of the proof."""
    if answer.truth is None:
        for part in answer.because:
            if isinstance(part, Gap):
                yield part
            elif isinstance(part, Answer):
                yield from gaps(part)


def open_claim(answer: Answer) -> Answer:
    """The innermost unknown part of an unknown answer: what nobody can tell."""
    for part in answer.because:
        if isinstance(part, Answer) and part.truth is None:
            return open_claim(part)
    return answer


def contradicted(answer: Answer) -> Answer | None:
    """The first part whose witnesses contradict each other. Returns None if none do."""
    return next(contradiction(answer), None)
