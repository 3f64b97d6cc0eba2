"""One file per verb, with its options: a new file is at once a verb of the command."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from vfioguard.cli.arguments import Parser


class Verb:
    """What a verb's file holds, as `VERB`. A NamedTuple would cost `check` half a percent.

    `help` is its line in `vfioguard --help`, `epilog` the last line of its own help.
    `arguments` adds its options to its parser. `contradiction` returns what is wrong with options
    of which each is valid, or None. `run` does the work and returns the exit status; it raises
    `Failure`, `CannotOpen` or `NoTarget`.
    """

    def __init__(
        self,
        *,
        help: str,  # noqa: A002 - as argparse calls it
        arguments: Callable[[Parser], None],
        run: Callable[[argparse.Namespace], int],
        epilog: str | None = None,
        contradiction: Callable[[argparse.Namespace], str | None] = lambda _: None,
    ) -> None:
        self.help = help
        self.arguments = arguments
        self.run = run
        self.epilog = epilog
        self.contradiction = contradiction
