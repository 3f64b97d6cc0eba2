"""`vfioguard report`: the whole host."""

from __future__ import annotations

import argparse
import sys

from vfioguard import known
from vfioguard.cli import host
from vfioguard.cli.run import OWN_FAILURE, Failure
from vfioguard.output import Output, Style
from vfioguard.verdict import exit_code, severity


def run(options: argparse.Namespace) -> int:
    """Print or write the report; the status is that of the worst group, 3 where there is none."""
    output = known.load("vfioguard.output", options.output, "OUTPUT", Output)
    report = host.read_report(options)
    if options.output_file is None:
        sys.stdout.write(output.render(report, host.style(every_group=options.all)))
    else:
        _replace(options.output_file, output.render(report, Style(every_group=options.all)))
    if not report.groups:
        return OWN_FAILURE
    return exit_code(max((group.outcome for group in report.groups), key=severity))


def _replace(path: str, text: str) -> None:
    """For collectors of other users: whole or not at all, and readable by them."""
    from vfioguard import atomic

    try:
        atomic.write(path, text.encode(), 0o644)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Failure(f"cannot write {path!r}: {why}") from error
