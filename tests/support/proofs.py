"""Every answer of a report, and every one-liner that a person may read about it."""

from __future__ import annotations

from collections.abc import Iterator

from vfioguard import wording
from vfioguard.logic import Answer
from vfioguard.output import Style
from vfioguard.output.text import OUTPUT
from vfioguard.reason import general_reason, reason
from vfioguard.report import GroupReport, Report


def answers_of(report: Report) -> Iterator[Answer]:
    """Each answer in the proofs of a report, once."""
    seen: dict[int, Answer] = {}
    waiting = list(_tops(report))
    while waiting:
        answer = waiting.pop()
        if id(answer) not in seen:
            seen[id(answer)] = answer
            waiting += [part for part in answer.because if isinstance(part, Answer)]
    yield from seen.values()


def one_liners(report: Report) -> Iterator[str]:
    """The sentences in which a face puts a verdict, a reason or a finding."""
    for group in report.groups:
        yield reason(group)
        yield general_reason(group)
        yield wording.verdict_line(f"group:{group.id}", group)
        yield wording.group_line(group)
    for device in report.ungrouped:
        yield wording.ungrouped_line(report, device)
    for finding in report.findings:
        yield finding.summary
    yield from OUTPUT.render(report, Style(width=1000)).splitlines()


def _tops(report: Report) -> Iterator[Answer]:
    for group in report.groups:
        yield from _of_group(group)
    for device in report.ungrouped:
        if device.because is not None:
            yield device.because
    for policy in report.policies:
        yield policy.carried
        if policy.offered is not None:
            yield policy.offered
    yield from (finding.because for finding in report.findings)
    if report.host.remapping is not None:
        yield report.host.remapping


def _of_group(group: GroupReport) -> Iterator[Answer]:
    for verdict in (group.headline, group.series, *(verdict for _, verdict in group.backends)):
        if verdict is not None:
            yield verdict.isolated
            yield verdict.override
    yield from (device.isolated for device in group.devices)
    for attachment in (group.attachment, *(attachment for _, attachment in group.attachments)):
        if attachment is not None:
            yield from (blocker.because for blocker in attachment.blockers)
