"""Between which releases a change lies, by stable series, and where that is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard.inference import borders
from vfioguard.inference.borders import Border, Taken, Version

BORDERS = [
    pytest.param(value, id=name)
    for name, value in vars(borders).items()
    if isinstance(value, Border)
]
VERSIONS = st.builds(
    Version,
    major=st.integers(3, 8),
    minor=st.integers(0, 20),
    sublevel=st.none() | st.integers(0, 400),
    backports=st.booleans(),
)

CHANGE = Border((6, 12), taken=(Taken((6, 6), 54, 55), Taken((6, 1), 100, 113)))


@pytest.mark.parametrize(
    ("version", "passed"),
    [
        (None, None),
        (Version(6, 12), True),
        (Version(7, 0, 0), True),
        (Version(6, 6, 54), False),
        (Version(6, 6, 55), True),
        (Version(6, 6), None),
        (Version(6, 1, 106), None),  # between the releases that were read
        (Version(6, 8, 12), None),  # a distribution may have taken it
        (Version(6, 6, 54, backports=True), None),
        (Version(6, 6, 55, backports=True), True),
        (Version(5, 14, 0, backports=True), None),
        (Version(6, 12, None, backports=True), True),
    ],
)
def test_a_sublevel_decides_and_what_it_does_not_decide_is_not_known(
    version: Version | None, passed: bool | None
) -> None:
    assert CHANGE.passed(version) is passed


def test_what_nobody_takes_back_is_in_no_older_series_but_may_be_in_a_vendors() -> None:
    change = Border((6, 2), older=False)
    assert change.passed(Version(6, 1, 176)) is False
    assert change.passed(Version(5, 14, 0, backports=True)) is None


@pytest.mark.parametrize("change", BORDERS)
@given(version=VERSIONS, more=st.integers(0, 100))
def test_a_later_sublevel_never_loses_a_change(change: Border, version: Version, more: int) -> None:
    later = version._replace(sublevel=None if version.sublevel is None else version.sublevel + more)
    if change.passed(version):
        assert change.passed(later) is True
    if change.passed(later) is False:
        assert change.passed(version) is False


@pytest.mark.parametrize("change", BORDERS)
@given(version=VERSIONS)
def test_nothing_is_denied_of_a_vendors_kernel_and_nothing_granted_that_its_number_has_not(
    change: Border, version: Version
) -> None:
    plain = change.passed(version._replace(backports=False))
    vendors = change.passed(version._replace(backports=True))
    assert vendors is (True if plain else None)


@pytest.mark.parametrize("change", BORDERS)
def test_the_sublevels_of_a_border_are_in_order(change: Border) -> None:
    for taken in change.taken:
        assert taken.last is not None or taken.first is not None
        assert taken.last is None or taken.first is None or taken.last < taken.first
        assert taken.series < change.since


@pytest.mark.parametrize(
    ("version", "owner", "by_class"),
    [
        (Version(5, 10, 262), False, False),
        (Version(6, 1, 176), False, False),
        (Version(6, 1, 192), True, False),
        (Version(6, 12, 107), False, False),
        (Version(6, 12, 111), True, False),
        (Version(6, 12, 118), True, False),
        (Version(7, 2, 13), True, False),
        (Version(7, 3, 4), True, True),
        (Version(6, 12, 119), True, None),
        (Version(7, 3, 0), True, None),
        (Version(6, 17, 2), None, None),
    ],
)
def test_amds_rule_has_the_form_that_was_read_in_each_release(
    version: Version, owner: bool | None, by_class: bool | None
) -> None:
    assert borders.AMD_OWNER_OF_GSI_0.passed(version) is owner
    assert borders.AMD_SOUTHBRIDGE_BY_CLASS.passed(version) is by_class


@pytest.mark.parametrize(
    ("version", "passed"),
    [
        (Version(6, 12, 118), False),
        (Version(5, 10), False),
        (Version(6, 18, 3), None),  # nobody read it
        (Version(7, 2), True),
        (Version(6, 12, 118, backports=True), None),
    ],
)
def test_up_to_the_last_series_that_was_read_a_change_is_not_there(
    version: Version, passed: bool | None
) -> None:
    assert Border((7, 2), until=(6, 12)).passed(version) is passed
