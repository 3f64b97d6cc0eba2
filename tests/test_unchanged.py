"""Where things stand in long tuples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vfioguard import unchanged

_LONG = st.integers(0, 600)


@given(_LONG, st.sets(st.integers(0, 599)))
def test_exactly_the_places_that_changed_differ(size: int, changed: set[int]) -> None:
    old = tuple((number,) for number in range(size))
    new = tuple((-1,) if at in changed else one for at, one in enumerate(old))
    assert unchanged.differing(old, new) == tuple(at for at in range(size) if at in changed)


def test_equal_objects_are_no_difference_that_must_be_found() -> None:
    old = tuple((number,) for number in range(300))
    assert unchanged.differing(old, tuple((number,) for number in range(300))) == ()


def test_of_different_lengths_nothing_is_said() -> None:
    assert unchanged.differing((1, 2), (1,)) is None


@given(st.sets(st.integers(0, 50)), st.integers(-1, 51))
def test_a_number_is_found_where_it_stands(numbers: set[int], wanted: int) -> None:
    values = tuple((number, "x") for number in sorted(numbers))
    at = unchanged.numbered(values, wanted, lambda one: one[0])
    assert (at is not None) is (wanted in numbers)
    assert at is None or values[at][0] == wanted
