"""`vfioguard schema`: the JSON Schema of all that the commands and the daemon print as JSON."""

from __future__ import annotations

import argparse
import sys

from vfioguard.cli.arguments import Parser, add_output
from vfioguard.cli.verbs import Verb
from vfioguard.json_shapes.schema import schema


def _arguments(parser: Parser) -> None:
    add_output(parser, ("json",))  # as people type it; there is no other form


def _run(_options: argparse.Namespace) -> int:
    """Print the schema. The status is 0."""
    sys.stdout.write(schema().decode())
    return 0


VERB = Verb(
    help="the JSON Schema of every JSON document",
    arguments=_arguments,
    run=_run,
)
