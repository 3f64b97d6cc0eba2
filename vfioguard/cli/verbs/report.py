"""`vfioguard report`: the whole host."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from vfioguard import leaves
from vfioguard.cli import host
from vfioguard.cli.again import again
from vfioguard.cli.arguments import (
    VERDICTS,
    Once,
    Parser,
    add_backend,
    add_output,
    add_policy,
    add_root,
    add_what_if,
    other_backend,
    seconds,
)
from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.verbs import Verb
from vfioguard.output import Output, Style
from vfioguard.reading.take import take
from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.rerun import in_report
from vfioguard.verdict import exit_code, severity


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    add_backend(parser)
    add_what_if(parser)
    add_output(parser, leaves.names("vfioguard.output"))
    parser.add_argument(
        "--output-file",
        action=Once,
        metavar="FILE",
        help="write the report to FILE, readable by all, instead of printing it",
    )
    parser.add_argument("--all", action="store_true", help="text: one line for every group")
    parser.add_argument(
        "--wide",
        action="store_true",
        help="text and json: also what each device is: names, place, resets, what the host needs",
    )
    parser.add_argument(
        "--proof",
        action=Once,
        choices=("full", "none"),
        help="json: with the proofs, which are most of it, or without (default full)",
    )
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
    if options.wide and options.output not in {"text", "json"}:
        return f"--wide is for text and json, not for {options.output}"
    if options.proof is not None and options.output != "json":
        return f"--proof is for json; --output {options.output} has no proofs"
    if options.valid_for is not None and options.output != "nfd":
        return f"--valid-for is for nfd; --output {options.output} does not expire"
    return other_backend(options)


def _run(options: argparse.Namespace) -> int:
    """Print or write the report. The status is that of the worst attachable group, else 3."""
    output = leaves.load("vfioguard.output", options.output, "OUTPUT", Output)
    snapshot = host.read(options, take)
    report = host.evaluate_assumed(options, snapshot)
    to_file = options.output_file is not None
    style = (Style if to_file else host.style)(every_group=options.all or options.wide)
    style = style._replace(again=again(options), proof=options.proof != "none")
    if options.output != "json":
        report = in_report(report, style.again)
    if options.valid_for is not None:
        style = style._replace(valid_for=options.valid_for)
    if options.wide or output.pictures:
        places: list[GroupReport | UngroupedDevice] = [*report.groups, *report.ungrouped]
        style = style._replace(facts=host.facts_of(options, snapshot, places))
    if output.pictures:
        style = style._replace(host=host.name(options))
    _write(options, output.parts(report, style))
    if not report.attachable:
        return OWN_FAILURE
    return exit_code(max((group.outcome for group in report.attachable), key=severity))


def _write(options: argparse.Namespace, parts: Iterable[str]) -> None:
    """Print or write the text. Raises `Failure`."""
    try:
        if options.output_file is not None:
            _replace(options.output_file, parts)
        else:
            sys.stdout.writelines(parts)
    except ImportError as error:
        raise Failure(
            f"--output {options.output} needs the Python module {error.name}: install "
            "vfioguard[serve] or python3-jinja2; --output svg has the map without it"
        ) from error


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
