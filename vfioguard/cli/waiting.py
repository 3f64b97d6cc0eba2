"""Asking again until the answer is yes: for hosts that come up."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from vfioguard.attach import Attach
from vfioguard.cli.asking import answer
from vfioguard.judging.evaluate import Judged
from vfioguard.report import Checked, Missing
from vfioguard.typed import TypeAlias

#: Seconds between two questions. A question takes milliseconds, on a large host a second.
_EVERY = 1.0
#: A question takes at most this share of the time.
_SHARE = 10
_YES = frozenset({Attach.YES, Attach.BY_OVERRIDE})

Answers: TypeAlias = tuple[Judged, list[Checked | Missing]]


def wait(
    ask: Callable[[], Answers],
    seconds: float,
    pause: Callable[[float], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Answers:
    """The first answers that are all yes or yes by the override, or those at the end of the time.

    `pause` waits, and returns False if nobody is interested any more. `clock` counts seconds.
    """
    gc.enable()  # off for commands that live for milliseconds (cli/__init__.py)
    end = clock() + seconds
    while True:
        began = clock()
        answers = ask()
        now = clock()
        if now >= end or all(answer(each) in _YES for each in answers[1]):
            return answers
        if not pause(min(max(_EVERY, _SHARE * (now - began)), end - now)):
            return answers
