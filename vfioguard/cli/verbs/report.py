"""`vfioguard report`: the whole host."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from vfioguard import leaves
from vfioguard.cli import host
from vfioguard.cli.arguments import VERDICTS, Once, Parser, add_policy, add_root, seconds
from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.verbs import Verb
from vfioguard.output import Output, Style
from vfioguard.verdict import exit_code, severity


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    parser.add_argument(
        "--output",
        action=Once,
        choices=leaves.names("vfioguard.output"),
        default="text",
        help="the form of the report (default text)",
    )
    parser.add_argument(
        "--output-file",
        action=Once,
        metavar="FILE",
        help="write the report to FILE, readable by all, instead of printing it",
    )
    parser.add_argument("--all", action="store_true", help="text: one line for every group")
    parser.add_argument(
        "--valid-for",
        action=Once,
        type=seconds,
        metavar="SECONDS",
        help="nfd: the labels expire this long after the report (default 300)",
    )


def _contradiction(options: argparse.Namespace) -> str | None:
    if options.all and options.output != "text":
        return f"--all is for text; --output {options.output} has every group"
    if options.valid_for is not None and options.output != "nfd":
        return f"--valid-for is for nfd; --output {options.output} does not expire"
    return None


def _run(options: argparse.Namespace) -> int:
    """Print or write the report. The status is that of the worst group, 3 if there is none."""
    output = leaves.load("vfioguard.output", options.output, "OUTPUT", Output)
    report = host.read_report(options)
    to_file = options.output_file is not None
    style = (Style if to_file else host.style)(every_group=options.all)
    style = style._replace(again=host.again(options))
    if options.valid_for is not None:
        style = style._replace(valid_for=options.valid_for)
    parts = output.parts(report, style)
    if to_file:
        _replace(options.output_file, parts)
    else:
        sys.stdout.writelines(parts)
    if not report.groups:
        return OWN_FAILURE
    return exit_code(max((group.outcome for group in report.groups), key=severity))


def _replace(path: str, parts: Iterable[str]) -> None:
    """Write the file whole or not at all, and readable by collectors of other users."""
    from vfioguard import atomic_file

    try:
        with atomic_file.replacing(path, 0o644) as file:
            file.writelines(part.encode() for part in parts)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Failure(f"cannot write {path!r}: {why}") from error


VERB = Verb(
    help="judge the whole host",
    arguments=_arguments,
    run=_run,
    epilog=VERDICTS,
    contradiction=_contradiction,
)
