"""The causes of a blocked attach besides the interrupts: its blockers, in the words of causes.

The words of each kind are its leaf's in blocker/. A host that has no backend is told of by
cause/no_backend.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vfioguard.attach import Blocker
from vfioguard.blocker import Kind
from vfioguard.folding import and_more, counted, fold, join, own
from vfioguard.inference.host import Host
from vfioguard.judging.attachments import kinds
from vfioguard.kernel.members import Members
from vfioguard.report import CauseReport, GroupReport


def of_blockers(host: Host, group: GroupReport, members: Members) -> Iterator[CauseReport]:
    """A cause for each kind of blocker of the group, in the order in which the user meets them."""
    leaves = {kind.name: kind for kind in kinds()}
    for name, alike in _by_name(group).items():
        if name in leaves:
            yield _cause(host, members, leaves[name], alike)


def names(group: GroupReport) -> tuple[str, ...]:
    """The names of the causes that `of_blockers` gives, without their words."""
    leaves = {kind.name for kind in kinds()}
    return tuple([name for name in _by_name(group) if name in leaves])


def _by_name(group: GroupReport) -> dict[str, list[Blocker]]:
    alike: dict[str, list[Blocker]] = {}
    for blocker in group.attachment.blockers:
        alike.setdefault(blocker.name, []).append(blocker)
    return alike


def _cause(host: Host, members: Members, kind: Kind, alike: list[Blocker]) -> CauseReport:
    advice = kind.advise(host, members, alike)
    first = alike[0]
    claim = _claim(alike, [device.name for device in members.devices])
    return CauseReport(
        name=kind.name,
        sentence=f"{claim[:1].upper()}{claim[1:]}{_met(first, advice.useless)}",
        rule=kind.rule,
        because=first.because,
        change=advice.change,
        helps=advice.useless is None,
    )


def _claim(alike: Sequence[Blocker], devices: Sequence[str]) -> str:
    """What these blockers claim; claims that differ in names alone are one."""
    names = own(devices)
    folded = [fold(blocker.because.said, names) for blocker in alike]
    rows = [each for each in folded if each.key == folded[0].key]
    pairs = list(zip(alike, folded, strict=True))
    text = alike[0].because.said
    if len(rows) > 1:
        same = [each.device for each, form in pairs if form.key == folded[0].key]
        text = f"{join(rows)} ({counted(same) or len(rows)})"
    return text + and_more(each.device for each, form in pairs if form.key != folded[0].key)


def _met(first: Blocker, useless: str | None) -> str:
    """What the user meets, and why no setting helps: the rest of a sentence, and another one."""
    met = f"{first.call} answers {first.errno}" if first.errno else f"{first.call} fails"
    if not first.because.truth:
        but = f", and no setting helps: {useless}" if useless else ""
        return f". If so, {met}{but}."
    return f": {met}. No setting helps: {useless}." if useless else f": {met}."
