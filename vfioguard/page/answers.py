"""The answer of each group in the words of the page, and the sentence that sums them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vfioguard import wording
from vfioguard.attach import Attach
from vfioguard.report import GroupReport, Report
from vfioguard.typed import NamedTuple

#: What stands for a group that no VFIO driver can take a member of. It is not counted.
NOT_ATTACHABLE = "not-attachable"
#: From the worst to the best, as the page shows them.
ORDER = (Attach.NO, Attach.UNKNOWN, Attach.BY_OVERRIDE, Attach.YES)


class Shown(NamedTuple):
    """How the page shows an answer: never by its colour alone."""

    key: str
    sign: str
    word: str
    meaning: str


SHOWN = {
    Attach.NO: Shown(key="no", sign="\u2715", word="no", meaning="cannot be attached"),
    Attach.UNKNOWN: Shown(
        key="unknown", sign="?", word="unknown", meaning="the evidence does not decide"
    ),
    Attach.BY_OVERRIDE: Shown(
        key="yes-by-override",
        sign="!",
        word="yes-by-override",
        meaning="not safe: see the override",
    ),
    Attach.YES: Shown(key="yes", sign="\u2713", word="yes", meaning="can be attached safely"),
}
_NONE = Shown(
    key=NOT_ATTACHABLE,
    sign="\u00b7",
    word="not attachable",
    meaning="no VFIO driver takes a member",
)


class Count(NamedTuple):
    """How many groups have an answer."""

    shown: Shown
    number: int


def shown(group: GroupReport) -> Shown:
    """The answer of a group once its members are bound, or that nobody can attach it."""
    return SHOWN[group.attachment.attach] if group.attachable else _NONE


def counts(report: Report) -> list[Count]:
    """The four counts, zero included, the worst first."""
    numbers = Counter(group.attachment.attach for group in report.attachable)
    return [Count(SHOWN[answer], numbers[answer]) for answer in ORDER]


def number(value: int) -> str:
    """A number with commas: "4,096"."""
    return f"{value:,}"


def heading(report: Report) -> str:
    """One sentence that says how many groups a guest may not have, and the first cause."""
    if not report.groups:
        return _first_upper(wording.no_groups(report))
    numbers = Counter(group.attachment.attach for group in report.attachable)
    every = len(report.attachable)
    if not every:
        return f"None of the {_groups(len(report.groups))} has a device that VFIO could take"
    bad = numbers[Attach.NO] + numbers[Attach.BY_OVERRIDE]
    open_ = numbers[Attach.UNKNOWN]
    if not bad and not open_:
        return f"{_all(every)} can be handed to a guest safely"
    text = (
        f"{_part(bad, every)} cannot be handed to a guest safely"
        if bad
        else f"Nobody knows whether {_part(open_, every)} can be handed to a guest safely"
    )
    if bad and open_:
        text += f", and of {number(open_)} nobody knows it"
    causes = [row for row in report.causes if row.groups]
    if not causes:
        return text
    mostly = "" if len(causes) == 1 else "mostly because "
    return f"{text}: {mostly}{_within(causes[0].cause.sentence)}"


def exposed(report: Report) -> list[int]:
    """The groups that only the override lets through by some way, and that are in use now."""
    return [
        group.id
        for group in report.attachable
        if (group.on_vfio or group.holders) and _let_through(group, report)
    ]


def _let_through(group: GroupReport, report: Report) -> bool:
    """As `vfioguard_groups_exposed` counts it (metrics/attaches.py)."""
    attachments = dict(group.attachments)
    return any(
        verdict.override.truth is True
        and verdict.isolated.truth is not True
        and (attachments.get(backend) or group.attachment).attach is not Attach.NO
        for backend, verdict in group.deciding(report.host)
    )


def ranges(groups: Iterable[int], most: int = 12) -> str:
    """Numbers of groups as ranges; what does not fit is counted."""
    numbers = sorted(groups)
    spans = wording.ranges(numbers).split(", ")
    if len(spans) <= most:
        return ", ".join(spans)
    last = int(spans[most - 1].rpartition("-")[2])
    return f"{', '.join(spans[:most])} and {number(sum(each > last for each in numbers))} more"


def _groups(count: int) -> str:
    return f"{number(count)} IOMMU group{'' if count == 1 else 's'}"


def _all(count: int) -> str:
    return "The one IOMMU group" if count == 1 else f"All {_groups(count)}"


def _part(some: int, every: int) -> str:
    return f"{number(some)} of {number(every)} group{'' if every == 1 else 's'}"


def _within(sentence: str) -> str:
    """A sentence as it stands behind a colon: the first of its clauses, without a full stop."""
    clause = sentence.partition(": ")[0].rstrip(".")
    first = clause.partition(" ")[0]
    return clause[:1].lower() + clause[1:] if first[1:].islower() else clause


def _first_upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
