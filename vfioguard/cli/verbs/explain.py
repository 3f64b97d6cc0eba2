"""`vfioguard explain`: why a verdict is what it is, on one screen; or what an error means."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from vfioguard import wording
from vfioguard.cli import host, message
from vfioguard.cli.again import again
from vfioguard.cli.arguments import (
    Parser,
    add_backend,
    add_output,
    add_policy,
    add_root,
    add_what_if,
    other_backend,
)
from vfioguard.cli.statuses import of_place, worst
from vfioguard.cli.verbs import Verb
from vfioguard.judging.causes import why
from vfioguard.judging.evaluate import Judged, evaluate, judge
from vfioguard.output.explain.proof import proof, proof_of_ungrouped
from vfioguard.output.explain.screen import screen, screen_of_ungrouped
from vfioguard.reading.take import take
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.rerun import in_causes
from vfioguard.snapshot import Snapshot
from vfioguard.target import Targets
from vfioguard.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from vfioguard.json_shapes import explain as shapes


def _arguments(parser: Parser) -> None:
    parser.errnos = True
    add_root(parser)
    add_policy(parser)
    add_backend(parser)
    add_output(parser)
    add_what_if(parser)
    parser.add_argument(
        "--proof", action="store_true", help="also print the whole proof, down to the files"
    )
    parser.add_argument(
        "target",
        nargs="+",
        metavar="BDF|group:N|TEXT|-",
        help="a device, a whole group, an errno, a message or a whole paste; - reads stdin",
    )


def _run(options: argparse.Namespace) -> int:
    """Print a screen about each target; the status is that of the worst."""
    interfaces = host.interfaces(options, options.target)
    as_it_is, snapshot, states = _host(options, interfaces)
    judged = judge(snapshot, wording.now(), host.chosen(options), findings=False)
    if states:
        today = evaluate(as_it_is, wording.now(), host.chosen(options), findings=False)
        from vfioguard.judging.what_if import assuming

        judged = judged._replace(report=assuming(states, today, judged.report))
    report = judged.report
    targets = Targets(report, interfaces=interfaces)
    json, same = options.output == "json", again(options)
    statuses: list[int] = []
    documents: list[shapes.Told] = []
    for number, target in enumerate(options.target):
        text = message.text_of(target)
        named = targets.find(target) if text is None else None
        if isinstance(named, GroupReport):
            (named,) = host.holding(options, [named])
        if json:
            told, status = _document(options, target, text, named, judged)
            documents.append(told)
            statuses.append(status)
            continue
        if number:
            print()
        if text is not None:
            statuses.append(message.explain(text, snapshot, report, same))
        elif isinstance(named, GroupReport):
            statuses.append(of_place(named))
            facts = host.facts_of(options, snapshot, [named])
            causes = in_causes(why(judged.host, named), same)
            more = proof(snapshot, report, named, facts, causes)
            _print(screen(snapshot, report, named, facts, causes), more, whole=options.proof)
        elif named is not None:
            statuses.append(of_place(named))
            causes = in_causes(why(judged.host, named), same)
            lines = screen_of_ungrouped(snapshot, report, named, causes)
            _print(lines, proof_of_ungrouped(named, causes), whole=options.proof)
    if json:
        message.print_documents(report, documents)
    return worst(statuses)


def _document(
    options: argparse.Namespace,
    target: str,
    text: str | None,
    named: GroupReport | UngroupedDevice | None,
    judged: Judged,
) -> tuple[shapes.Told, int]:
    """The answer about a target as JSON, and its status."""
    from vfioguard.output.explain import document
    from vfioguard.output.facts.json import facts_json

    answer: shapes.Answer
    if text is not None:
        answer, names, status = message.as_json(text, target, judged.snapshot, judged.report)
        facts = host.facts_by_name(options, judged.snapshot, names) if names else {}
    else:
        assert named is not None, "a target that is no text names something"
        answer, status = document.of_place(target, named, why(judged.host, named)), of_place(named)
        facts = host.facts_of(options, judged.snapshot, [named])
    known = {name: facts_json(own) for name, own in facts.items()}
    return {**answer, "facts": known}, status


def _host(
    options: argparse.Namespace, interfaces: Mapping[str, str]
) -> tuple[Snapshot, Snapshot, tuple[str, ...]]:
    """The host as it is, as it is assumed, and what is assumed.

    What a group needs of others may differ under another kernel, so that all of them are read.
    """
    if not options.what_if and options.kernel is None:
        snapshot = host.read_for(options, options.target, interfaces)
        return snapshot, snapshot, ()
    snapshot = host.read(options, take)
    return snapshot, *host.assumed(options, snapshot)


def _print(lines: list[str], more: Iterable[str], *, whole: bool) -> None:
    """Print a screen, or all but its last line, which says how to see more, and the rest."""
    print("\n".join([*lines[:-1], *more] if whole else lines))


VERB = Verb(
    help="why a verdict is what it is, with its proof; what an errno or a message means",
    arguments=_arguments,
    run=_run,
    epilog="exit status: 0 yes, 1 by the override, 2 no, 3 unknown or error, once what can be "
    "changed now is changed; for a text, of what it names, or what the interrupts of all groups "
    "allow if it names nothing here",
    contradiction=other_backend,
)
