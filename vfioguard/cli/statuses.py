"""The exit statuses of `explain`: of a group, of a device in none, of a text."""

from __future__ import annotations

from collections.abc import Iterable

from vfioguard.attach import Attach, status
from vfioguard.report import GroupReport, Report, UngroupedDevice
from vfioguard.typed import TYPE_CHECKING
from vfioguard.verdict import exit_code

# A group's answer needs none of the tables of messages.
if TYPE_CHECKING:
    from vfioguard.output.explain.answer import Answer

#: From best to worst: 2 outranks 3.
_WORSE = (0, 1, 3, 2)
#: Whether a function without a group can be bound -> whether it can be attached.
_ATTACH = {True: Attach.UNKNOWN, None: Attach.UNKNOWN, False: Attach.NO}


def worst(statuses: Iterable[int]) -> int:
    """The status of several targets."""
    return max(statuses, key=_WORSE.index)


def of_place(place: GroupReport | UngroupedDevice) -> int:
    """Whether it can be attached once what blocks it now is changed."""
    if isinstance(place, GroupReport):
        return status(place.attachment.attach)
    return status(place.forecast or _ATTACH[place.binds])


def of_text(meant: tuple[Answer, ...], report: Report) -> int:
    """The status of what a text names; if it names nothing here, of the interrupts of all groups.

    Groups that nobody attaches, such as those of bridges, would make each host a no.
    """
    from vfioguard.output.explain.document import outcome_of
    from vfioguard.output.explain.symptom import named

    alone = [device for answer in meant for device in answer.of.alone]
    places: list[GroupReport | UngroupedDevice] = [*named(meant), *alone]
    return worst(map(of_place, places)) if places else exit_code(outcome_of(meant, report))
