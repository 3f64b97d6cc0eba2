"""`check --wait` asks again until it is yes or the time is over, and never in a busy loop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

import pytest

from tests.support.hosts import x86_host
from vfioguard.attach import Attach
from vfioguard.cli.waiting import wait
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Checked, Missing
from vfioguard.root.memory import Memory

REPORT = evaluate(take(Memory(x86_host(1))), "now")
YES, BY_OVERRIDE, NO, UNKNOWN = (
    Checked(target="x", answer=answer, groups=(), bind=(), backends=())
    for answer in (Attach.YES, Attach.BY_OVERRIDE, Attach.NO, Attach.UNKNOWN)
)
GONE = Missing("x", "no device 'x' here")


class Time:
    """Seconds that pass while somebody pauses, or asks."""

    def __init__(self, answers: Sequence[Checked | Missing], takes: float = 0.0) -> None:
        self.now = 0.0
        self.asked: list[float] = []
        self._takes = takes
        self._answers = chain(answers, repeat(answers[-1]))

    def ask(self) -> tuple[object, list[Checked | Missing]]:
        self.asked.append(self.now)
        self.now += self._takes
        return REPORT, [next(self._answers)]

    def pause(self, seconds: float) -> bool:
        assert seconds > 0
        self.now += seconds
        return True

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize("good", [YES, BY_OVERRIDE])
@pytest.mark.parametrize("first", [NO, UNKNOWN, GONE])
def test_it_ends_with_the_first_answer_that_is_yes(good: Checked, first: Checked | Missing) -> None:
    time = Time([first, first, good, NO])
    assert wait(time.ask, 60, time.pause, time.clock)[1] == [good]
    assert time.asked == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("never", [NO, UNKNOWN, GONE])
def test_it_ends_with_the_time_and_asks_at_its_end(never: Checked | Missing) -> None:
    time = Time([never])
    assert wait(time.ask, 2.5, time.pause, time.clock)[1] == [never]
    assert time.asked == [0.0, 1.0, 2.0, 2.5]


def test_a_question_that_takes_long_is_asked_less_often() -> None:
    time = Time([NO], takes=2.0)
    wait(time.ask, 60, time.pause, time.clock)
    assert time.asked == [0.0, 22.0, 44.0, 60.0]


def test_it_ends_if_nobody_waits_any_more() -> None:
    time = Time([NO])
    assert wait(time.ask, 60, lambda _: False, time.clock)[1] == [NO]
    assert time.asked == [0.0]
