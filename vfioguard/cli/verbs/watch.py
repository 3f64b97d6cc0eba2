"""`vfioguard watch`: the host as it is, then a line for each change, until it is interrupted."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator

from vfioguard import wording
from vfioguard.change.compare import changes
from vfioguard.change.state import Remembered, State, carried, state_of
from vfioguard.cli import host
from vfioguard.cli.arguments import Once, Parser, add_policy, add_root, seconds
from vfioguard.cli.change_lines import change_lines, label
from vfioguard.cli.failure import Failure
from vfioguard.cli.following import Daemon, Event, Lost
from vfioguard.cli.top import Top
from vfioguard.cli.verbs import Verb
from vfioguard.fact import printable
from vfioguard.root.marks import Marks, directory
from vfioguard.root.opening import CannotOpen
from vfioguard.root.patience import Patience

#: Return to the start of the line and clear it (ECMA-48 8.3.41, EL).
_CLEAR = "\r\x1b[K"


#: Seconds after which a daemon that does not answer is asked again.
_AGAIN = 2
#: Seconds from one question for the counts to the next while many changes arrive.
_PACE = 1.0


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
    parser.add_argument(
        "--url",
        action=Once,
        metavar="http://HOST:PORT|unix:PATH",
        help="follow this daemon instead of reading the host",
    )


def _contradiction(options: argparse.Namespace) -> str | None:
    if options.url is not None and (options.root != "/" or options.policy is not None):
        return "--url asks a daemon, which has its own --root and --policy"
    return None


def _run(options: argparse.Namespace) -> int:
    """Watch until SIGINT, which is a success. Raises `CannotOpen` if there is no host to read."""
    gc.enable()  # off for commands that live for milliseconds (cli/__init__.py)
    color = host.style().color
    top = Top(wanted=color)
    try:
        if options.url is None:
            _watch(options, top, color=color)
        else:
            _follow(options, top, color=color)
    except KeyboardInterrupt:
        if color:
            _write(_CLEAR)
    finally:
        top.end()
    return 0


def _follow(options: argparse.Namespace, top: Top, *, color: bool) -> None:
    """Print what a daemon tells, until SIGINT. Raises `Failure` if it does not answer at first."""
    daemon = Daemon(options.url)
    try:
        now = daemon.now()
    except Lost as error:
        raise Failure(f"{printable(options.url)}: {error}") from error
    _write(f"{now.at} {now.summary}; kernel {now.kernel}\n")
    failure = ""
    while True:
        try:
            due = 0.0
            if top.kept:
                top.show(daemon.now().summary)
            for event in daemon.events():
                failure = _told_by(event, failure, color=color)
                if top.kept and (not event.more or time.monotonic() >= due):
                    top.show(daemon.now().summary)
                    due = time.monotonic() + _PACE
        except Lost as error:
            if failure != str(error):
                failure = str(error)
                _line(wording.now(), f"the daemon does not answer: {failure}", color=color)
        if not options.work.pause(_AGAIN):
            return


def _told_by(event: Event, failure: str, *, color: bool) -> str:
    """Print an event. Returns the failure that is still to be told as over, "" after that."""
    if failure:
        _line(wording.now(), "the daemon answers again", color=color)
    if event.kind == "reset":
        _line(wording.now(), "some changes were missed", color=color)
    elif event.kind == "stale":
        said = f"are {event.summary}" if event.summary else "can be relied on again"
        _line(wording.now(), f"the daemon's answers {said}", color=color)
    elif event.kind:
        _line(event.at, f"{label(event.direction, color=color)}{event.summary}", color=color)
    return ""


def _watch(options: argparse.Namespace, top: Top, *, color: bool) -> None:
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
            top.show(wording.summary(known.report))
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
    contradiction=_contradiction,
    epilog="exit status: 0 when it is interrupted, 3 error",
)
