"""Parse, run the verb, and turn every failure into one line and an exit status."""

from __future__ import annotations

import os
import sys

from vfioguard.cli import parser
from vfioguard.cli.failure import OWN_FAILURE, Failure
from vfioguard.cli.standing_by import Work
from vfioguard.root.opening import CannotOpen
from vfioguard.target import NoTarget


def run(arguments: list[str], work: Work) -> int:
    """Run one command line and return its exit status."""
    try:
        options = parser.parse(arguments)
    except SystemExit as stop:  # argparse: 0 after --help, 3 after a usage error
        return stop.code if isinstance(stop.code, int) else OWN_FAILURE
    options.work = work
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (Failure, CannotOpen, NoTarget) as error:
        return _failed(_line(str(error)), getattr(options, "output", None))
    except BrokenPipeError:
        # The reader went away (`| head`); Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OWN_FAILURE
    except KeyboardInterrupt:
        return 128 + 2
    return status


def _failed(message: str, form: str | None) -> int:
    """Print the error where the reader of this form looks."""
    if form == "nagios":
        from vfioguard.output.nagios import unknown

        sys.stdout.write(unknown(message))
        sys.stdout.flush()
    else:
        print(f"{_priority()}vfioguard: {message}", file=sys.stderr)
    return OWN_FAILURE


def _line(message: str) -> str:
    """The message as one line, even if a path that it names holds a line break."""
    if message.isprintable():
        return message
    from vfioguard.fact import printable  # only an odd path needs it

    return printable(message)


def _priority() -> str:
    """The prefix of an error if stderr is the journal (sd-daemon(3)), else nothing."""
    if "JOURNAL_STREAM" not in os.environ:
        return ""
    from vfioguard.serve.telling.journal import is_stderr  # only a service that fails loads it

    return "<3>" if is_stderr(os.environ) else ""
