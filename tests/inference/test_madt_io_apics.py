"""The IO-APICs of a MADT that the kernel registers: mp_register_ioapic() skips some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packed_tables import dmar, drhd, io_apic, io_apic_scope, madt_of
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference import tables
from vfioguard.inference.remapping.allowed import Evidence, possible
from vfioguard.inference.remapping.parts import Possible, ids
from vfioguard.kernel.firmware.acpi_tables import PATH

FIRST, SECOND = 0xFEC00000, 0xFEC01000
MAX_IO_APICS = 128


def there(raw: bytes) -> Fact[bytes]:
    return Fact(raw, raw, "a table")


def with_scopes(*covered: int) -> bytes:
    return dmar(drhd(0xFED90000, *map(io_apic_scope, covered), flags=1))


def asked(table: bytes, *entries: bytes) -> Possible:
    ivrs = Gap(
        why=Why.ABSENT, source=f"{PATH}/IVRS", detail="No such file or directory", errno="ENOENT"
    )
    return possible(Evidence(there(table), ivrs, (there(madt_of(*entries)),)))


def numbers(*entries: bytes) -> list[int]:
    madt = tables.madt(there(madt_of(*entries)))
    assert isinstance(madt, Fact)
    return ids(madt.value)


TWO = with_scopes(2)
KNOWN = io_apic(2, FIRST, 0)


def test_the_second_entry_of_an_address_is_none() -> None:
    assert asked(TWO, KNOWN, io_apic(5, FIRST, 24)).possible is True
    assert numbers(KNOWN, io_apic(5, FIRST, 24)) == [2]


def test_the_same_entry_twice_is_one_io_apic() -> None:
    assert asked(TWO, KNOWN, KNOWN).possible is True


def test_an_entry_whose_gsis_begin_where_an_earlier_one_has_its_own_is_none() -> None:
    assert asked(TWO, KNOWN, io_apic(5, SECOND, 0)).possible is True


@pytest.mark.parametrize("base", [1, 8, 15, 16, 23])
def test_an_entry_whose_gsis_may_be_those_of_another_is_not_known(base: int) -> None:
    """Only an IO-APIC's registers tell how many pins it has; the table does not."""
    found = asked(TWO, KNOWN, io_apic(5, SECOND, base))
    assert (found.possible, found.missing) == (None, (5,))
    assert "the kernel may skip" in found.sentence
    assert asked(TWO, io_apic(5, SECOND, 100), io_apic(2, FIRST, 100 - base)).possible is False


def test_an_io_apic_with_24_gsis_of_its_own_is_missed() -> None:
    found = asked(TWO, KNOWN, io_apic(5, SECOND, 24))
    assert (found.possible, found.missing) == (False, (5,))


def test_what_stands_behind_an_entry_that_may_be_skipped_may_not_be() -> None:
    entries = (KNOWN, io_apic(5, SECOND, 16), io_apic(6, SECOND, 48))
    assert asked(with_scopes(2, 5), *entries).possible is None
    assert asked(with_scopes(2, 5, 6), *entries).possible is True


def test_a_table_whose_addresses_repeat_proves_no_impossibility() -> None:
    """A table that repeats an address may list missing IO-APICs, whose registers read all ones."""
    missed = io_apic(7, 0xFEC02000, 24)
    assert asked(TWO, KNOWN, missed).possible is False
    assert asked(TWO, KNOWN, missed, io_apic(5, FIRST, 48)).possible is None


def test_the_kernel_looks_at_no_more_entries_than_it_has_places_for() -> None:
    many = [io_apic(at, FIRST + 0x1000 * at, 24 * at) for at in range(MAX_IO_APICS)]
    last = io_apic(200, 0xFED00000, 24 * MAX_IO_APICS)
    every = with_scopes(*range(MAX_IO_APICS))
    assert asked(every, *many, last).possible is True
    assert asked(every, *many[1:], last).possible is False
    assert asked(every, *many[1:], io_apic(0, 0, 0), last).possible is True


entries = st.builds(
    io_apic,
    st.integers(0, 7),
    st.sampled_from([0, FIRST, SECOND, 0xFEC02000, 0xFEC03000]),
    st.sampled_from([0, 8, 16, 24, 48, 72]),
)


@given(st.lists(entries, max_size=6))
def test_a_table_that_covers_every_entry_is_never_impossible(found: list[bytes]) -> None:
    assert asked(with_scopes(*range(8)), *found).possible is not False


@given(st.lists(entries, max_size=6), st.sets(st.integers(0, 7)))
def test_to_cover_more_never_makes_it_less_possible(found: list[bytes], covered: set[int]) -> None:
    less = asked(with_scopes(*covered), *found).possible
    more = asked(with_scopes(*covered, 3), *found).possible
    order = [False, None, True]
    assert order.index(more) >= order.index(less)


apart = st.builds(
    io_apic, st.integers(0, 7), st.just(FIRST) | st.just(SECOND), st.just(0) | st.just(24)
)


@given(st.lists(apart, max_size=6))
def test_an_io_apic_has_an_address_and_gsis_of_its_own(found: list[bytes]) -> None:
    assert len(numbers(*found)) <= 2
