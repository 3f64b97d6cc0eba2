"""`vfioguard capture`: what the ordinary readers read, as a file."""

from __future__ import annotations

import argparse

from vfioguard.cli import capturing
from vfioguard.cli.arguments import Parser, add_root
from vfioguard.cli.verbs import Verb


def _arguments(parser: Parser) -> None:
    add_root(parser)
    parser.add_argument("file", metavar="FILE.tar.xz", help="the file to write")


def _run(options: argparse.Namespace) -> int:
    """Write the capture. Nothing in it leaves the machine by itself."""
    capturing.check_name(options.file)
    paths = capturing.write(options, options.file)
    print(f"{options.file}: {paths} paths; look at it with tar -tvf before you send it")
    return 0


VERB = Verb(
    help="record the facts of a host, for a bug report or a test",
    arguments=_arguments,
    run=_run,
)
