"""The token bucket."""

from __future__ import annotations

from tests.serve.serving import Clock
from vfioguard.serve.http.rate import Rate


def test_a_burst_passes_and_then_one_in_each_interval() -> None:
    clock = Clock()
    rate = Rate(0.5, 3, clock)
    assert [rate.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [rate.take() for _ in range(2)] == [True, False]
    clock.now += 60
    assert [rate.take() for _ in range(4)] == [True, True, True, False]


def test_without_an_interval_nobody_is_refused() -> None:
    rate = Rate(0, 0, Clock())
    assert all(rate.take() for _ in range(100))
