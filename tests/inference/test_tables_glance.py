"""What a look at raw tables calls plain, the parsers find possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packed_tables import dmar, drhd, io_apic_scope, ivhd, ivrs, madt, special
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference.remapping.allowed import Evidence, possible
from vfioguard.inference.remapping.tables_glance import dmar_is_plain, ivrs_is_plain

SB = 0xA0
numbers = st.lists(st.integers(0, 3), max_size=4)
places = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([SB, 1])), max_size=4)


def truth(table: bytes, io_apics: bytes, *, intel: bool) -> bool | None:
    none = Gap(
        why=Why.ABSENT,
        source="/sys/firmware/acpi/tables/X",
        detail="No such file or directory",
        errno="ENOENT",
    )
    read = Fact(table, table, "a table")
    madts = (Fact(io_apics, io_apics, "APIC"),)
    if intel:
        return possible(Evidence(dmar=read, ivrs=none, madts=madts)).possible
    return possible(Evidence(dmar=none, ivrs=read, madts=madts)).possible


@given(numbers, numbers, st.integers(0, 1))
def test_a_dmar_that_looks_plain_is_not_in_the_way(
    covered: list[int], listed: list[int], flags: int
) -> None:
    table, io_apics = (
        dmar(drhd(0xFED90000, *map(io_apic_scope, covered)), flags=flags),
        madt(*listed),
    )
    if dmar_is_plain(table, io_apics):
        assert truth(table, io_apics, intel=True) is not False
    else:
        assert not flags or not set(listed) <= set(covered)


@given(places, numbers)
def test_an_ivrs_that_looks_plain_is_not_in_the_way(
    covered: list[tuple[int, int]], listed: list[int]
) -> None:
    table, io_apics = ivrs(ivhd(*(special(*one) for one in covered))), madt(*listed)
    if ivrs_is_plain(table, io_apics):
        assert truth(table, io_apics, intel=False) is not False


def test_ordinary_tables_look_plain() -> None:
    assert dmar_is_plain(dmar(drhd(0xFED90000, io_apic_scope(2), flags=1)), madt(2))
    assert ivrs_is_plain(ivrs(ivhd(special(33, SB), special(34, 1))), madt(33, 34))


@pytest.mark.parametrize("look", [dmar_is_plain, ivrs_is_plain])
@given(st.binary(max_size=96), st.binary(max_size=96))
def test_it_survives_any_bytes(look: object, table: bytes, io_apics: bytes) -> None:
    assert callable(look)
    assert look(table, io_apics) in {True, False}
