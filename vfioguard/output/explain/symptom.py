"""An errno or a line of a log in words, and the facts of this host that bear on it."""

from __future__ import annotations

import errno
import re
import textwrap
from collections.abc import Iterator

from vfioguard import wording
from vfioguard.fact import Fact
from vfioguard.report import GroupReport, Report
from vfioguard.snapshot import Snapshot
from vfioguard.symptom import About, Cause, causes_of, meaning, told_errno
from vfioguard.verdict import Outcome

_WIDTH = 80
#: So many groups are named; the others are only counted.
_MOST = 6
_ERRNO = re.compile(r"-?E[A-Z0-9]+")
#: An address as the kernel and QEMU write it, with the segment, since 12:34:56.7 may be a time.
_BDF = re.compile(r"\b[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")
_GROUP = re.compile(r"\bgroup:? ?(\d{1,9})\b")


def is_symptom(target: str) -> bool:
    """Whether `target` is a symptom, not a device or group: it has a blank or is an errno name."""
    return " " in target.strip() or _errno(target) is not None


def _errno(target: str) -> str | None:
    name = target.strip().upper().lstrip("-")
    return name if _ERRNO.fullmatch(name) and hasattr(errno, name) else None


def symptom_lines(
    target: str, snapshot: Snapshot, report: Report, again: str
) -> Iterator[str] | None:
    """The lines about the symptom `target`, or None if vfioguard does not know it.

    `again` holds the options that read the same host, for the commands in the text.
    """
    name = _errno(target)
    if name is not None:
        known = causes_of(name)
        return _of_errno(name, known, snapshot, report) if known else None
    line = meaning(target)
    if line is not None:
        told = [*_wrapped(line.means, ""), "", *_here((line.about,), snapshot, report), ""]
        told += _wrapped(line.change, "change: ")
    else:
        name = told_errno(target)
        if name is None:
            return None
        told = [*_of_errno(name, causes_of(name), snapshot, report)]
    return iter([*_named_lines(target, report, again), *told])


def named(target: str, report: Report) -> list[GroupReport]:
    """The groups of this host that `target` names, by a device or as QEMU does: `group 12`."""
    devices = set(_BDF.findall(target))
    numbers = {int(number) for number in _GROUP.findall(target)}
    return [
        group
        for group in report.groups
        if group.id in numbers or any(device.name in devices for device in group.devices)
    ]


def _named_lines(target: str, report: Report, again: str) -> Iterator[str]:
    """The first lines of the answer: the groups and devices that the text names."""
    groups = named(target, report)
    names = dict.fromkeys(_BDF.findall(target))
    for group in groups:
        devices = ", ".join(device.name for device in group.devices)
        yield from _wrapped(f"group {group.id} ({devices}) by its interrupts: {group.outcome}", "")
        yield f"  proof: {wording.proof_command(report, group, again)}"
    here = {device.name for group in report.groups for device in group.devices}
    alone = {device.name: device for device in report.ungrouped}
    for name in names:
        if name in alone:
            yield from _wrapped(f"{name}: {alone[name].reason}", "")
        elif name not in here:
            yield f"{name}: no such device on this host"
    if groups or names:
        yield ""


def _of_errno(
    name: str, causes: tuple[Cause, ...], snapshot: Snapshot, report: Report
) -> Iterator[str]:
    yield from _here(tuple(dict.fromkeys(cause.about for cause in causes)), snapshot, report)
    yield ""
    yield f"{name} by the call that answers so:"
    for cause in causes:
        yield ""
        yield from _wrapped(f"{cause.call}, kernels: {cause.kernels}", "")
        yield from _wrapped(cause.why, "  why: ")
        yield from _wrapped(cause.change, "  change: ")


def _wrapped(text: str, before: str) -> list[str]:
    return textwrap.wrap(f"{before}{text}", _WIDTH, subsequent_indent=" " * max(len(before), 2))


def _here(about: tuple[About, ...], snapshot: Snapshot, report: Report) -> Iterator[str]:
    """The facts of this host about each topic."""
    yield f"here (kernel {report.host.kernel or 'unknown'}):"
    for topic in about:
        for line in _OF_HOST[topic](snapshot, report):
            yield from _wrapped(line, "  ")


def _interrupts(_: Snapshot, report: Report) -> Iterator[str]:
    words = {
        Outcome.REFUSED: "refused for their interrupts",
        Outcome.BY_OVERRIDE: "let through by the override alone",
        Outcome.UNKNOWN: "not known to have isolated interrupts",
    }
    for outcome, text in words.items():
        groups = [group for group in report.groups if group.outcome is outcome]
        if groups:
            yield f"{text}: {_named(groups)}"
    if report.groups and all(group.outcome is Outcome.ALLOWED for group in report.groups):
        yield "no group would be refused for its interrupts"


def _memory(snapshot: Snapshot, report: Report) -> Iterator[str]:
    regions = {members.group.id: members.group.reserved_regions for members in snapshot.members}
    kept: list[GroupReport] = []
    hidden: list[GroupReport] = []
    for group in report.groups:
        reserved = regions.get(group.id)
        if not isinstance(reserved, Fact):
            hidden.append(group)
        elif any(region.type == "direct" for region in reserved.value):
            kept.append(group)
    yield f"memory is kept for: {_named(kept) if kept else 'no group'}"
    if hidden:
        yield f"reserved_regions cannot be read of: {_named(hidden)}"


def _members(_: Snapshot, report: Report) -> Iterator[str]:
    """Groups with a member on VFIO and one on a driver of the host."""
    mixed = [
        group
        for group in report.groups
        if any(_vfio(device.driver) for device in group.devices)
        and any(not _harmless(device.driver) for device in group.devices)
    ]
    yield f"with members on VFIO and on other drivers: {_named(mixed) if mixed else 'no group'}"


def _vfio(driver: str | None) -> bool:
    return driver is not None and "vfio" in driver


def _harmless(driver: str | None) -> bool:
    """Whether the driver leaves a group viable: it has driver_managed_dma (v5.19), or is VFIO's."""
    return driver is None or _vfio(driver) or driver in {"pcieport", "pci-stub"}


def _groups(_: Snapshot, report: Report) -> Iterator[str]:
    yield f"{len(report.groups)} IOMMU groups; in none: {len(report.ungrouped)} PCI functions"


_OF_HOST = {
    About.INTERRUPTS: _interrupts,
    About.MEMORY: _memory,
    About.MEMBERS: _members,
    About.GROUPS: _groups,
}


def _named(groups: list[GroupReport]) -> str:
    shown = ", ".join(f"group {group.id}" for group in groups[:_MOST])
    return f"{shown} and {len(groups) - _MOST} more" if len(groups) > _MOST else shown
