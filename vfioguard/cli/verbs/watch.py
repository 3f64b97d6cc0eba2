"""`vfioguard watch`: the host as it is, then a line for each change, until it is interrupted."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterator

from vfioguard import wording
from vfioguard.change.compare import changes
from vfioguard.change.state import Remembered, State, carried, state_of
from vfioguard.cli import host
from vfioguard.cli.arguments import Once, Parser, add_policy, add_root, seconds
from vfioguard.cli.change_lines import change_lines
from vfioguard.cli.failure import Failure
from vfioguard.cli.verbs import Verb
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import CannotOpen
from vfioguard.root.patience import Patience

#: Return to the start of the line and clear it (ECMA-48 8.3.41, EL).
_CLEAR = "\r\x1b[K"


def _arguments(parser: Parser) -> None:
    add_root(parser)
    add_policy(parser)
    parser.add_argument(
        "--interval",
        action=Once,
        type=seconds,
        default=2,
        metavar="SECONDS",
        help="time between two readings of the host (default 2)",
    )


def _run(options: argparse.Namespace) -> int:
    """Watch until SIGINT, which is a success. Raises `CannotOpen` if there is no host to read."""
    gc.enable()  # off for commands that live for milliseconds (cli/__init__.py)
    color = host.style().color
    try:
        _watch(options, color=color)
    except KeyboardInterrupt:
        if color:
            _write(_CLEAR)
    return 0


def _watch(options: argparse.Namespace, *, color: bool) -> None:
    patience = Patience(Marks(directory(), options.root))
    report = host.read_report(options, patience)
    if not os.path.isdir(options.root):
        raise Failure(
            f"{options.root}: a capture does not change; `report` shows what is in it, and `diff` "
            "what is different in another"
        )
    known = Remembered(report, state_of(report, None))
    state = known.state
    kernel = f"kernel {state.kernel or 'unknown'}; decides by {wording.policies(report)}"
    _write(f"{report.generated_at} {wording.summary(report)}; {kernel}\n")
    failure = ""
    while True:
        if color:  # a person at a terminal sees that it lives
            _write(f"{_CLEAR}read at {known.report.generated_at}")
        if not options.work.pause(options.interval):
            return
        try:
            report = host.read_report(options, patience)
        except (CannotOpen, Failure) as error:
            if failure != str(error):
                failure = str(error)
                _line(wording.now(), f"the host could not be read: {failure}", color=color)
            continue
        failure = ""
        known = Remembered(report, state_of(report, None, known))
        after = carried(state, known.state)
        for line in _told(state, after, color=color):
            _line(after.at, line, color=color)
        state = after


def _told(before: State, after: State, *, color: bool) -> Iterator[str]:
    return change_lines(changes(before, after), color=color)


def _line(when: str, text: str, *, color: bool) -> None:
    _write(f"{_CLEAR if color else ''}{when} {text}\n")


def _write(text: str) -> None:
    """Write at once: the reader of a pipe wants to see a line now."""
    sys.stdout.write(text)
    sys.stdout.flush()


VERB = Verb(
    help="follow what changes on this host",
    arguments=_arguments,
    run=_run,
    epilog="exit status: 0 when it is interrupted, 3 error",
)
