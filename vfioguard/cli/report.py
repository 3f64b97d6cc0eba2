"""`vfioguard report`: the whole host."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from vfioguard import leaves
from vfioguard.cli import host
from vfioguard.cli.run import OWN_FAILURE, Failure
from vfioguard.output import Output, Style
from vfioguard.verdict import exit_code, severity


def run(options: argparse.Namespace) -> int:
    """Print or write the report; the status is that of the worst group, 3 where there is none."""
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
    """For collectors of other users: whole or not at all, and readable by them."""
    from vfioguard import atomic_file

    try:
        with atomic_file.replacing(path, 0o644) as file:
            file.writelines(part.encode() for part in parts)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Failure(f"cannot write {path!r}: {why}") from error
