"""`vfioguard watch`: what is, and then a line for each change, until somebody interrupts."""

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
from vfioguard.cli.diff import lines
from vfioguard.cli.run import Failure
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import CannotOpen
from vfioguard.root.patience import Patience

#: Return to the start of the line and clear it (ECMA-48 8.3.41, EL).
_CLEAR = "\r\x1b[K"


def run(options: argparse.Namespace) -> int:
    """Watch until SIGINT, which is a success; raises `CannotOpen` where nothing is to be read."""
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
        if color:  # on a terminal: so that one sees that it lives
            _write(f"{_CLEAR}read at {known.report.generated_at}")
        if not options.work.pause(options.interval):
            return
        try:
            report = host.read_report(options, patience)
        except (CannotOpen, Failure) as error:
            if failure != str(error):
                failure = str(error)
                _line(host.now(), f"the host could not be read: {failure}", color=color)
            continue
        failure = ""
        known = Remembered(report, state_of(report, None, known))
        after = carried(state, known.state)
        for line in _told(state, after, color=color):
            _line(after.at, line, color=color)
        state = after


def _told(before: State, after: State, *, color: bool) -> Iterator[str]:
    return lines(changes(before, after), color=color)


def _line(when: str, text: str, *, color: bool) -> None:
    _write(f"{_CLEAR if color else ''}{when} {text}\n")


def _write(text: str) -> None:
    """At once: whoever reads a pipe wants to see it now."""
    sys.stdout.write(text)
    sys.stdout.flush()
