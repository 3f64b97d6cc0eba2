"""Judges a host and gives the causes of each of its groups, as a face that asks for them would."""

from __future__ import annotations

from vfioguard.inference.host import Host
from vfioguard.judging.causes import cause_names, causes_of, causes_without_group
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import CauseReport
from vfioguard.root import Root
from vfioguard.root.memory import Entry, Memory


def causes_in(root: Root) -> dict[int, tuple[CauseReport, ...]]:
    """Group -> its causes, of every group of a host."""
    judged = judge(take(root), "now", findings=False)
    host = Host(judged.snapshot)
    return {
        group.id: causes_of(host, group, judged.snapshot.group(group.id))
        for group in judged.report.groups
    }


def causes(entries: dict[str, Entry], group: int = 0) -> dict[str, CauseReport]:
    """The causes of one group of a synthetic host, by name, without blockers beside interrupts."""
    known = cause_names()
    reports = causes_in(Memory(entries))[group]
    return {cause.name: cause for cause in reports if cause.name in known}


def words(cause: CauseReport) -> str:
    """All that a cause says: its sentence, its steps and its ticket."""
    steps = [f"{step.do} {step.where or ''}" for step in cause.change]
    return "\n".join([cause.sentence, *steps, cause.ticket or ""])


def without_group(
    entries: dict[str, Entry], name: str | None = None, words: bytes | None = None
) -> dict[str, CauseReport]:
    """Why a function of a synthetic host is in no group, by name.

    If `name` is None, they are why the host uses no IOMMU.
    `words` is the command line, if the host is to have another.
    """
    host = entries if words is None else entries | {"/proc/cmdline": words + b"\n"}
    return without_group_in(Memory(host), name)


def without_group_in(root: Root, name: str | None = None) -> dict[str, CauseReport]:
    """The same for any root."""
    snapshot = take(root)
    device = next((device for device in snapshot.devices if device.name == name), None)
    assert (device is None) == (name is None), f"{name} is in no group"
    reports = causes_without_group(Host(snapshot), device)
    return {cause.name: cause for cause in reports}
