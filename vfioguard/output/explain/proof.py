"""The whole proof of each verdict on a group, down to the files; each claim stands there once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vfioguard import wording
from vfioguard.device_facts import DeviceFacts
from vfioguard.output.explain.device import memory_lines
from vfioguard.output.facts.lines import facts_lines
from vfioguard.proof_tree import ProofTree
from vfioguard.report import CauseReport, GroupReport, Report, UngroupedDevice
from vfioguard.snapshot import Snapshot
from vfioguard.verdict import Verdict

#: Members of which a proof tells what they are; `report --wide` tells it of all.
_DESCRIBED = 64


def proof(
    snapshot: Snapshot,
    report: Report,
    group: GroupReport,
    facts: Mapping[str, DeviceFacts] | None = None,
    causes: Sequence[CauseReport] = (),
) -> Iterator[str]:
    """The lines about a group: each verdict that a face shows, and what firmware says of memory."""
    tree = ProofTree()
    yield from _verdict(tree, "as asked" if report.host.pinned else "", group.headline)
    for name, verdict in group.backends:
        if verdict is not None and verdict is not group.headline:
            yield from _verdict(tree, name, verdict)
    if group.headline != group.series:
        yield from _verdict(tree, "series of 2016", group.series)
    yield from _causes(tree, causes)
    blockers = group.attachment.blockers
    if blockers:
        yield ""
        yield "besides the interrupts:"
    yield from tree.side_by_side([blocker.because for blocker in blockers], 1)
    yield from memory_lines(snapshot, group.id)
    yield from _described(group, facts or {})


def _causes(tree: ProofTree, causes: Sequence[CauseReport]) -> Iterator[str]:
    """Every cause with all its steps, the kernel's rule and what proves it."""
    for cause in causes:
        yield ""
        yield f"cause {cause.name}: {cause.sentence}"
        yield f"  the rule: {cause.rule}"
        for number, step in enumerate(cause.change, 1):
            yield f"  {number}. {wording.step(step)}"
        if cause.ticket is not None:
            yield f"  for the vendor: {cause.ticket}"
        yield from tree.lines(cause.because, 1)
    last = wording.last_resort(causes)
    if last:
        yield ""
        yield from last


def _described(group: GroupReport, facts: Mapping[str, DeviceFacts]) -> Iterator[str]:
    known = [device.name for device in group.devices if device.name in facts][:_DESCRIBED]
    if known:
        yield ""
        yield "what the devices are:"
    for name in known:
        yield f"  {name}"
        yield from (f"    {line}" for line in facts_lines(facts[name]))


def proof_of_ungrouped(
    device: UngroupedDevice, causes: Sequence[CauseReport] = ()
) -> Iterator[str]:
    """The lines about a function in no group."""
    tree = ProofTree()
    if device.because is not None:
        yield ""
        yield from tree.lines(device.because, 1)
    yield from _causes(tree, causes)


def _verdict(tree: ProofTree, title: str, verdict: Verdict) -> Iterator[str]:
    head = f"{verdict.policy}: {verdict.outcome}"
    yield ""
    yield f"{title}: {head}" if title else head
    yield from tree.lines(verdict.isolated, 1)
    yield from tree.lines(verdict.override, 1)
