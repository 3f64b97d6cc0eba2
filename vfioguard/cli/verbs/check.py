"""`vfioguard check`: may these be attached? One line each, for scripts."""

from __future__ import annotations

import argparse
import os
import sys

from vfioguard import checked as words
from vfioguard.attach import Attach, rank, status
from vfioguard.cli import asking
from vfioguard.cli.arguments import (
    Once,
    Parser,
    add_backend,
    add_output,
    add_policy,
    add_root,
    other_backend,
    seconds,
)
from vfioguard.cli.verbs import Verb
from vfioguard.report import Checked, Missing, Report
from vfioguard.target import identity_of


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    add_backend(parser)
    add_output(parser, ("text", "json", "nagios"))
    parser.add_argument(
        "--now", action="store_true", help="as it stands: nothing is bound to VFIO for the attach"
    )
    parser.add_argument(
        "--interrupts", action="store_true", help="ask for the interrupt rule alone"
    )
    parser.add_argument(
        "--expect",
        action="append",
        type=_identity,
        default=[],
        metavar="VENDOR:DEVICE",
        help="no, if a function is another: addresses change; may be repeated",
    )
    parser.add_argument(
        "--refuse-host-critical",
        action="store_true",
        help="no, if the host needs a device: its disk, swap, default route or console",
    )
    parser.add_argument(
        "--wait",
        action=Once,
        type=seconds,
        metavar="SECONDS",
        help="ask again until it is yes or the time is over, for a host that comes up",
    )
    parser.add_argument(
        "target",
        nargs="+",
        metavar="TARGET",
        help="a device, VENDOR:DEVICE, a network interface, or a whole group (group:N); "
        "several are judged together",
    )


def _identity(text: str) -> str:
    identity = identity_of(text)
    if identity is None:
        raise argparse.ArgumentTypeError(f"{text[:64]!r} is not VENDOR:DEVICE, such as 8086:10d3")
    return identity


def _contradiction(options: argparse.Namespace) -> str | None:
    if options.wait is not None and os.path.isfile(options.root):
        return f"--wait is for a live host: the capture {options.root!r} does not change"
    return other_backend(options)


def _run(options: argparse.Namespace) -> int:
    """Print a line for each target, or a document; the status is that of the worst."""
    if options.wait is None:
        judged, answers = asking.ask(options)
    else:
        from vfioguard.cli.waiting import wait

        judged, answers = wait(lambda: asking.ask(options), options.wait, options.work.pause)
    report = judged.report
    if options.output == "json":
        from vfioguard.cli.host import facts_by_name
        from vfioguard.output.check.json import document
        from vfioguard.proof_json import dumps

        names = [name for each in answers if isinstance(each, Checked) for name in each.devices]
        facts = facts_by_name(options, judged.snapshot, list(dict.fromkeys(names)))
        print(dumps(document(report, answers, facts)))
    elif options.output == "nagios":
        from vfioguard.output.check import nagios

        print(nagios.text(report, answers), end="")
    else:
        _print(report, answers)
    return status(max((asking.answer(each) for each in answers), key=rank, default=Attach.UNKNOWN))


def _print(report: Report, answers: list[Checked | Missing]) -> None:
    """What is not there goes to stderr, and stands before the answers on a terminal."""
    for each in answers:
        if not isinstance(each, Checked):
            print(f"vfioguard check: {each.reason}", file=sys.stderr)
    for each in answers:
        if isinstance(each, Checked):
            print(words.line(report, each))


VERB = Verb(
    help="may these be attached? one line each: the gate for scripts",
    arguments=_arguments,
    run=_run,
    epilog="exit status: 0 yes, 1 by the override, 2 no, 3 unknown or error; the worst counts",
    contradiction=_contradiction,
)
