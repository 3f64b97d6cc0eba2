"""Which unit a function is behind: explicit scopes, bridges with all that is below, the rest."""

from __future__ import annotations

import pytest

from tests.support.packed_tables import Scope, dmar, drhd
from vfioguard.acpi.dmar import Dmar, parse
from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.inference.drhd import unit_of

GPU, PORT, ALL, OTHER = 0x1000, 0x2000, 0x3000, 0x4000
#: 00:1c.0 -> bus 1, 01:00.0 -> bus 2: a switch below a root port.
SECONDARY = {Bdf(0, 0, 0x1C, 0): 1, Bdf(0, 1, 0, 0): 2}


def table(*units: bytes) -> Dmar:
    found = parse(dmar(*units)).table
    assert found is not None
    return found


def base(found: Dmar, name: str, secondary: dict[Bdf, int] | None = None) -> int | None:
    bdf = parse_bdf(name)
    assert bdf is not None
    unit = unit_of(found, bdf, SECONDARY if secondary is None else secondary)
    return None if unit is None else unit.base


def endpoint(*path: tuple[int, int], bus: int = 0) -> Scope:
    return 1, 0, bus, path


def bridge(*path: tuple[int, int], bus: int = 0) -> Scope:
    return 2, 0, bus, path


TABLE = table(
    drhd(ALL, flags=1),  # first in the table, last in the kernel's list
    drhd(GPU, endpoint((2, 0))),
    drhd(PORT, bridge((0x1C, 0), (0, 0))),
    drhd(OTHER, flags=1, segment=1),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0000:00:02.0", GPU),
        ("0000:00:02.1", ALL),
        ("0000:01:00.0", PORT),  # the bridge itself
        ("0000:02:05.3", PORT),  # below it
        ("0000:01:01.0", ALL),  # beside it
        ("0000:00:1c.0", ALL),  # above it
        ("0001:00:02.0", OTHER),
        ("0002:00:02.0", None),
    ],
)
def test_the_unit_that_names_a_function_goes_before_the_one_for_the_rest(
    name: str, expected: int | None
) -> None:
    assert base(TABLE, name) == expected


def test_a_path_through_what_is_no_bridge_names_nothing() -> None:
    assert base(TABLE, "0000:02:05.3", {}) == ALL
    lost = table(drhd(PORT, bridge((0x1C, 0), (0, 0))))
    assert base(lost, "0000:02:05.3", {}) is None


def test_a_scope_without_a_path_names_nothing() -> None:
    assert base(table(drhd(PORT, endpoint())), "0000:00:00.0") is None


@pytest.mark.parametrize("kind", [3, 4, 5])
def test_io_apics_hpets_and_acpi_devices_are_no_functions(kind: int) -> None:
    assert base(table(drhd(PORT, (kind, 0, 0, ((2, 0),)))), "0000:00:02.0") is None


def test_a_scope_may_begin_behind_the_root_bus() -> None:
    assert base(table(drhd(PORT, endpoint((0, 0), bus=0x80))), "0000:80:00.0") == PORT


def test_bus_numbers_in_a_circle_are_walked_once() -> None:
    circle = {Bdf(0, 1, 0, 0): 2, Bdf(0, 2, 0, 0): 1}
    assert base(TABLE, "0000:02:00.0", circle) == ALL
