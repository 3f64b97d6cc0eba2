"""An errno or a line of the kernel's log in words, and what bears on it on this host."""

from __future__ import annotations

import errno
import re
import textwrap
from collections.abc import Iterator

from vfioguard.fact import Fact
from vfioguard.report import GroupReport, Report
from vfioguard.snapshot import Snapshot
from vfioguard.symptom import About, Cause, errors, meaning
from vfioguard.verdict import Outcome

_WIDTH = 80
#: Groups that are named before the rest is counted.
_MOST = 6
_ERRNO = re.compile(r"-?E[A-Z0-9]+")


def is_symptom(target: str) -> bool:
    """Whether a target is no device and no group: those have no blanks, and no errno's name."""
    return " " in target.strip() or _errno(target) is not None


def _errno(target: str) -> str | None:
    name = target.strip().upper().lstrip("-")
    return name if _ERRNO.fullmatch(name) and hasattr(errno, name) else None


def symptom_lines(target: str, snapshot: Snapshot, report: Report) -> Iterator[str] | None:
    """The answer; None where vfioguard knows nothing of it."""
    name = _errno(target)
    if name is not None:
        causes = errors().get(name)
        return None if causes is None else _of_errno(name, causes, snapshot, report)
    line = meaning(target)
    if line is None:
        return None
    told = [*_wrapped(line.means, ""), "", *_here((line.about,), snapshot, report), ""]
    return iter([*told, *_wrapped(line.change, "change: ")])


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
    """What of this host bears on it."""
    yield f"here (kernel {report.host.kernel or 'unknown'}):"
    for one in about:
        for line in _OF_HOST[one](snapshot, report):
            yield from _wrapped(line, "  ")


def _interrupts(_: Snapshot, report: Report) -> Iterator[str]:
    words = {
        Outcome.REFUSED: "refused for their interrupts",
        Outcome.BY_OVERRIDE: "let through by the override alone",
        Outcome.UNKNOWN: "not known to have isolated interrupts",
    }
    for outcome, text in words.items():
        found = [group for group in report.groups if group.outcome is outcome]
        if found:
            yield f"{text}: {_named(found)}"
    if report.groups and all(group.outcome is Outcome.ALLOWED for group in report.groups):
        yield "no group would be refused for its interrupts"


def _memory(snapshot: Snapshot, report: Report) -> Iterator[str]:
    groups = snapshot.groups.value if isinstance(snapshot.groups, Fact) else ()
    regions = {one.group.id: one.group.reserved_regions for one in groups}
    kept: list[GroupReport] = []
    hidden: list[GroupReport] = []
    for group in report.groups:
        found = regions.get(group.id)
        if not isinstance(found, Fact):
            hidden.append(group)
        elif any(region.type == "direct" for region in found.value):
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
    """driver_managed_dma: what does not touch the IOMMU's domain (v5.19)."""
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
