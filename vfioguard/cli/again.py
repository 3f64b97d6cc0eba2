"""The options of a command line that another command needs to answer about the same host."""

from __future__ import annotations

import argparse
from shlex import quote


def again(options: argparse.Namespace) -> str:
    """The options by which another command judges the same host; "" if it is this host as it is.

    Each stands after a blank, and its value is quoted for a shell.
    """
    given = (
        ("--root", options.root if options.root != "/" else None),
        ("--acpi-tables", options.acpi_tables),
        ("--policy", options.policy),
        ("--backend", options.backend),
        *(("--what-if", state) for state in options.what_if),
        ("--kernel", options.kernel),
    )
    return "".join(f" {flag} {quote(value)}" for flag, value in given if value)
