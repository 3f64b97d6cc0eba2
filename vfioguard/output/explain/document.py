"""What `explain` answers about one target, as JSON: about a text, a group, or a device in none."""

from __future__ import annotations

from collections.abc import Sequence

from vfioguard.cause_json import why_json
from vfioguard.fact import printable
from vfioguard.output.json import group_json, ungrouped_json
from vfioguard.proof_json import claim_json
from vfioguard.report import CauseReport, GroupReport, Report, UngroupedDevice
from vfioguard.snapshot import Snapshot
from vfioguard.typed import TYPE_CHECKING
from vfioguard.verdict import Outcome, severity

# A group's answer needs none of the tables of messages.
if TYPE_CHECKING:
    from vfioguard.json_shapes import explain as shapes
    from vfioguard.output.explain.answer import Answer
    from vfioguard.symptom.paste import Paste

#: Characters that are shown again: of a target, and of a text that means nothing.
_TARGET, _SHOWN = 400, 80


def of_place(
    target: str, place: GroupReport | UngroupedDevice, why: Sequence[CauseReport]
) -> shapes.Answer:
    """The answer about a group, or about a device in none; `why` are its causes."""
    group = place if isinstance(place, GroupReport) else None
    return {
        "target": shown(target),
        "outcome": Outcome.UNKNOWN if group is None else group.outcome,
        "group": None if group is None else group_json(group),
        "device": ungrouped_json(place) if isinstance(place, UngroupedDevice) else None,
        "message": None,
        "why": why_json(why, claim_json),
    }


def meaning(text: str, snapshot: Snapshot, report: Report) -> tuple[Paste, tuple[Answer, ...]]:
    """A text as it is read, and what each line that is understood means on this host."""
    from vfioguard.output.explain.answer import answers
    from vfioguard.symptom import paste

    read = paste.read(text)
    return read, answers(read, snapshot, report)


def of_text(target: str, read: Paste, meant: tuple[Answer, ...], report: Report) -> shapes.Answer:
    """The answer about a text, which the command line names `target`."""
    from vfioguard.output.explain.symptom_json import message_json

    return {
        "target": shown(target),
        "outcome": outcome_of(meant, report) if meant else Outcome.UNKNOWN,
        "group": None,
        "device": None,
        "message": message_json(read, meant),
        "why": [],
    }


def outcome_of(meant: tuple[Answer, ...], report: Report) -> Outcome:
    """The worst outcome of the groups that a text names, or of all groups if it names none."""
    from vfioguard.output.explain.symptom import named

    groups = named(meant) or report.groups
    return max((group.outcome for group in groups), key=severity, default=Outcome.UNKNOWN)


def shown(target: str) -> str:
    """A target as it is told again."""
    return printable(target[:_TARGET])[:_TARGET]


def not_known(text: str, read: Paste) -> str:
    """The line about a text that means nothing here."""
    shown = " ".join(text[: 4 * _SHOWN].split())[:_SHOWN]
    if read.foreign:
        return f"{shown!r} is not VFIO's: its errno is of no call of VFIO, no device, no group"
    return (
        f"nothing is known of {shown!r}; vfioguard explains errnos (EPERM, `error -22`) and what "
        "the kernel, QEMU, libvirt, DPDK, Proxmox and Kata say of VFIO, IOMMU groups and remapping"
    )
