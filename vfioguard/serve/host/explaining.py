"""What `vfioguard explain` says, from what was read of the host."""

from __future__ import annotations

from collections.abc import Mapping

from vfioguard.device_facts import DeviceFacts
from vfioguard.judging.causes import why
from vfioguard.judging.evaluate import Judged
from vfioguard.output.explain import document
from vfioguard.report import GroupReport, Report, UngroupedDevice
from vfioguard.serve.host.scan import Explained
from vfioguard.snapshot import Snapshot


def explain(
    judged: Judged,
    target: str,
    place: GroupReport | UngroupedDevice | None,
    facts: Mapping[str, DeviceFacts] | None = None,
) -> Explained:
    """The answer about a group, a device in none, or the text `target`. It may take 50 ms.

    Nothing is read for it. `facts` tell what the devices of the group are, if that is known.
    """
    snapshot, report = judged.snapshot, judged.report
    if place is None:
        return _of_text(target, snapshot, report)
    from vfioguard.output.explain.screen import screen, screen_of_ungrouped

    causes = why(judged.host, place)
    answer = document.of_place(target, place, causes)
    if isinstance(place, GroupReport):
        return Explained(answer, screen(snapshot, report, place, facts, causes))
    return Explained(answer, screen_of_ungrouped(snapshot, report, place, causes))


def _of_text(text: str, snapshot: Snapshot, report: Report) -> Explained:
    from vfioguard.output.explain.symptom import devices_named, symptom_lines

    read, meant = document.meaning(text, snapshot, report)
    lines = symptom_lines(read, meant, report, "") if meant else [document.not_known(text, read)]
    return Explained(
        document.of_text(text, read, meant, report), lines, tuple(devices_named(meant))
    )
