"""`vfioguard check`: may these be attached? One line each, for scripts."""

from __future__ import annotations

import argparse

from vfioguard import wording
from vfioguard.cli import host
from vfioguard.cli.arguments import VERDICTS, Parser, add_policy, add_root
from vfioguard.cli.verbs import Verb
from vfioguard.report import GroupReport
from vfioguard.target import Targets
from vfioguard.verdict import Outcome, exit_code, severity


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    parser.add_argument(
        "target", nargs="+", metavar="BDF|group:N", help="a device, or a whole group"
    )


def _run(options: argparse.Namespace) -> int:
    """Print a line for each target; the status is that of the worst."""
    report = host.read_report(options, findings=False)
    targets = Targets(report)
    outcomes: list[Outcome] = []
    for target, named in [(target, targets.find(target)) for target in options.target]:
        if isinstance(named, GroupReport):
            outcomes.append(named.outcome)
            print(wording.verdict_line(target, named))
        else:
            outcomes.append(Outcome.UNKNOWN)
            print(wording.ungrouped_line(report, named))
    return exit_code(max(outcomes, key=severity))


VERB = Verb(
    help="may these be attached? one line each: the gate for scripts",
    arguments=_arguments,
    run=_run,
    epilog=VERDICTS,
)
