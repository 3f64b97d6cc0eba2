"""`vfioguard explain`: the proof of a verdict, down to the files; or what an error means."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from vfioguard import wording
from vfioguard.cli import host
from vfioguard.cli.arguments import VERDICTS, Parser, add_policy, add_root
from vfioguard.cli.failure import Failure
from vfioguard.cli.verbs import Verb
from vfioguard.judging.evaluate import evaluate
from vfioguard.output.explain.device import memory_lines, unit_lines
from vfioguard.output.explain.symptom import is_symptom, named, symptom_lines
from vfioguard.reading.take import take
from vfioguard.report import NO_GROUP, UNBINDABLE, GroupReport, Report, UngroupedDevice
from vfioguard.snapshot import Snapshot
from vfioguard.target import Targets, spelled
from vfioguard.verdict import Outcome, Verdict, exit_code, severity


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    parser.add_argument(
        "target",
        nargs="+",
        metavar="BDF|group:N|TEXT",
        help="a device, a whole group, an errno or a message",
    )


def _run(options: argparse.Namespace) -> int:
    """Print the proof of each target; the status is that of the worst."""
    snapshot = host.read(options, take)
    report = evaluate(snapshot, wording.now(), options.policy, findings=False)
    targets = Targets(report)
    outcomes: list[Outcome] = []
    for number, target in enumerate(options.target):
        if number:
            print()
        if is_symptom(target) and spelled(target) == target:
            outcomes.append(_symptom(target, snapshot, report, host.again(options)))
            continue
        named = targets.find(target)
        if isinstance(named, GroupReport):
            outcomes.append(named.outcome)
            print("\n".join([*_group(report, named), *memory_lines(snapshot, named.id)]))
        else:
            outcomes.append(Outcome.UNKNOWN)
            print("\n".join([*_ungrouped(report, named), *unit_lines(snapshot, named.name)]))
    return exit_code(max(outcomes, key=severity))


def _ungrouped(report: Report, device: UngroupedDevice) -> Iterator[str]:
    if report.groups or device.reason != UNBINDABLE:
        yield f"{device.name}: {device.reason}"
    else:
        yield f"{device.name}: {NO_GROUP}; {wording.no_groups(report)}"
    if device.because is not None:
        yield from wording.proof_lines(device.because, 1)


def _symptom(target: str, snapshot: Snapshot, report: Report, again: str) -> Outcome:
    """Explain an errno or a message.

    The outcome is the worst of the groups that it names, or of all groups if it names none.
    Raises `Failure` if nothing is known of it.
    """
    lines = symptom_lines(target, snapshot, report, again)
    if lines is None:
        known = (
            "EPERM, EINVAL, EBUSY and ENODEV, also in words, and lines about remapping, MSIs and "
            "reserved memory"
        )
        raise Failure(f"nothing is known of {target!r}; vfioguard explains {known}")
    print("\n".join(lines))
    outcomes = [group.outcome for group in named(target, report) or report.groups]
    return max(outcomes, key=severity, default=Outcome.UNKNOWN)


def _group(report: Report, group: GroupReport) -> Iterator[str]:
    policy = group.headline.policy
    yield f"group {group.id}: {group.outcome} ({policy}, kernel {report.host.kernel or 'unknown'})"
    for device in group.devices:
        state = wording.truth(device.isolated.truth)
        yield f"  {wording.device(device)}, {device.bus or 'unknown bus'}, isolated: {state}"
    if group.agrees is False:
        yield f"  The 2016 series disagrees: {group.series.outcome}."
    yield from _verdict("as asked" if report.host.pinned else "", group.headline)
    for name, verdict in group.backends:
        if verdict is not None and verdict is not group.headline:
            yield from _verdict(name, verdict)
    if group.headline != group.series:
        yield from _verdict("series of 2016", group.series)


def _verdict(title: str, verdict: Verdict) -> Iterator[str]:
    head = f"{verdict.policy}: {verdict.outcome}"
    yield ""
    yield f"{title}: {head}" if title else head
    yield from wording.proof_lines(verdict.isolated, 1)
    yield from wording.proof_lines(verdict.override, 1)


VERB = Verb(
    help="the proof of each verdict; what an errno or a message means",
    arguments=_arguments,
    run=_run,
    epilog=VERDICTS,
)
