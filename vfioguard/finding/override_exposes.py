"""The override lets a group through that is in use: its guest can raise any interrupt here.

Change: `vfioguard explain group:N`; give such devices to guests that you trust alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.finding import Finding, Found
from vfioguard.inference.host import Host
from vfioguard.logic import Answer
from vfioguard.report import GroupReport, Step
from vfioguard.verdict import Outcome, Verdict

_MOST = 8


def _find(host: Host, groups: Sequence[GroupReport]) -> Iterator[Found]:
    if True not in [host.override(backend).truth for backend in host.counting]:
        return
    exposed = [
        (group.id, verdict)
        for group in groups
        if group.on_vfio and (verdict := _let_through(host, group)) is not None
    ]
    if not exposed:
        return
    numbers = ", ".join(str(number) for number, _ in exposed[:_MOST])
    more = f" and {len(exposed) - _MOST} more" if len(exposed) > _MOST else ""
    first = exposed[0][1]
    yield Found(
        f"the override lets {len(exposed)} group{'s' if exposed[1:] else ''} on VFIO through "
        f"(group {numbers}{more}): "
        "a guest that has one can raise any interrupt of the host",
        Answer("a group in use needs the override", True, (first.isolated, first.override)),
        (
            Step(
                "See who holds a group, and why it needs the override",
                f"vfioguard explain group:{exposed[0][0]}",
            ),
            Step("Give such devices to guests that you trust alone, or isolate the interrupts."),
        ),
    )


def _let_through(host: Host, group: GroupReport) -> Verdict | None:
    """The kernel's verdict by a backend that counts, if the override alone lets the group through.

    A pinned policy changes the headline, and exposes nobody.
    """
    verdicts = dict(group.backends)
    for backend in host.counting:
        verdict = verdicts.get(backend)
        if verdict is not None and verdict.outcome is Outcome.BY_OVERRIDE:
            return verdict
    return None


FINDING = Finding("override_exposes", "critical", find_in_groups=_find)
