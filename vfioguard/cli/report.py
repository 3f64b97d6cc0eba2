"""`vfioguard report`: the whole host."""

from __future__ import annotations

import argparse
import sys

from vfioguard import known
from vfioguard.cli import host
from vfioguard.cli.run import OWN_FAILURE
from vfioguard.output import Output
from vfioguard.verdict import exit_code, severity


def run(options: argparse.Namespace) -> int:
    """Print the report; the status is that of the worst group, 3 where there is none."""
    output = known.load("vfioguard.output", options.output, "OUTPUT", Output)
    report = host.read_report(options)
    sys.stdout.write(output.render(report, host.style(every_group=options.all)))
    if not report.groups:
        return OWN_FAILURE
    return exit_code(max((group.outcome for group in report.groups), key=severity))
