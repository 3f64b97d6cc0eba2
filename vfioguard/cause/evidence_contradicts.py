"""Two sources contradict each other, so what rests on them is unknown.

Change on every architecture: find the one that is wrong; the finding `contradiction` names both.
"""

from __future__ import annotations

from vfioguard.cause import Cause, Caused
from vfioguard.cause.parts import proof
from vfioguard.inference.host import Host
from vfioguard.kernel.members import Members
from vfioguard.logic import Answer, sources
from vfioguard.remedy.contradiction import CHANGE
from vfioguard.report import GroupReport


def _applies(_: Host, group: GroupReport | None, __: Members | None) -> Caused | None:
    for verdict in proof.unknown(group) if group is not None else ():
        answer = proof.contradicted(verdict.isolated)
        if answer is not None:
            return _of(answer)
    return None


def _of(answer: Answer) -> Caused:
    yes, no = (", ".join(_sources(answer, truth)) for truth in (True, False))
    claim = answer.claim.removesuffix(" (sources contradict each other)")
    return Caused(
        sentence=f'Sources contradict each other: "{claim}" is true by {yes}, and false by {no}.',
        rule="vfioguard picks no side: one source is wrong, or of another boot",
        because=answer,
        change=CHANGE,
    )


def _sources(answer: Answer, truth: bool) -> list[str]:
    return sources(*[p for p in answer.because if isinstance(p, Answer) and p.truth is truth])


CAUSE = Cause("evidence_contradicts", _applies)
