"""The work of `check` grows with the number of targets, and not with its square."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from tests.support.functions import Function
from tests.support.hosts import Groups, x86_host
from vfioguard.attach import Ask, How
from vfioguard.judging.check import check
from vfioguard.judging.evaluate import judge
from vfioguard.reading.take import take
from vfioguard.report import Choice
from vfioguard.root.memory import Memory
from vfioguard.target import Targets


def name(number: int) -> str:
    return f"0000:{number // 256:02x}:{number // 8 % 32:02x}.{number % 8}"


def apart(count: int) -> Groups:
    return {number: [Function(name(number))] for number in range(count)}


def together(count: int) -> Groups:
    return {0: [Function(name(number)) for number in range(count)]}


def on_vfio(count: int) -> Groups:
    return {0: [Function(name(number), driver="vfio-pci") for number in range(count)]}


def each(count: int) -> list[str]:
    return [name(number) for number in range(count)]


def the_same(count: int) -> list[str]:
    return [name(0)] * count


def whole(count: int) -> list[str]:
    return ["group:0"] * count


def by_id(count: int) -> list[str]:
    return ["8086:10d3"] * count


def absent(count: int) -> list[str]:
    return [f"0000:ff:{number // 8 % 32:02x}.{number % 8}" for number in range(count)]


def steps(work: Callable[[], None]) -> int:
    """The calls of functions, ours and built-in ones, that `work` makes."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("groups", [apart, together, on_vfio])
@pytest.mark.parametrize("targets", [each, the_same, whole, by_id, absent])
@pytest.mark.parametrize("now", [False, True])
def test_twice_as_many_targets_take_twice_the_steps(
    groups: Callable[[int], Groups], targets: Callable[[int], list[str]], *, now: bool
) -> None:
    def cost(count: int) -> int:
        judged = judge(take(Memory(x86_host(groups(count)))), "now", Choice())
        known = Targets(judged.report, interfaces={})

        def ask() -> None:
            asks = [ask for ask in known.asks(targets(count)) if isinstance(ask, Ask)]
            assert len(check(judged, known.groups(asks), asks, Choice(), How(now))) == len(asks)

        ask()  # the modules are loaded and the tables made
        return steps(ask)

    if (groups, targets, now) == (together, each, True):
        return  # each member is blocked by all others, and its answer names them
    small, large = cost(64), cost(256)
    assert large < 6 * small + 2000
