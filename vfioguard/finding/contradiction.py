"""Two sources contradict each other about the machine; verdicts that rest on them are unknown.

One source is wrong: the log in a recorded tree is of another boot, or a hypervisor shows remapping
that it does not do. vfioguard does not pick a side.

Change: `vfioguard explain` names both; find the wrong one, such as a hypervisor or a log of another
boot.
"""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard.fact import Gap
from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer, contradiction, sources


def _find(host: Host, _: tuple[Gap, ...]) -> Iterator[Found]:
    asked = host.remapping if host.is_x86 else host.all_msi_domains
    for answer in contradiction(asked):
        from vfioguard.remedy.contradiction import CHANGE  # most hosts have no contradiction

        yes, no = (_sources(answer, truth) for truth in (True, False))
        yield Found(f"{answer.said}: {yes} against {no}", answer, CHANGE)


def _sources(answer: Answer, truth: bool) -> str:
    parts = [part for part in answer.because if isinstance(part, Answer) and part.truth is truth]
    return ", ".join(sources(*parts))


FINDING = Finding("contradiction", "critical", _find, of_facts=True)
