"""The functions that a scope means, by their way from the root bus, as Linux compares it."""

from __future__ import annotations

import pytest

from tests.support.packed_tables import Scope, dmar, drhd, rmrr
from vfioguard.acpi.dmar import Dmar, Rmrr, parse
from vfioguard.bdf import Bdf, parse_bdf
from vfioguard.fact import Fact, Gap, Why
from vfioguard.inference.dmar_scopes import named, unit_of
from vfioguard.inference.functions import Function, Index
from vfioguard.kernel.devices import Device
from vfioguard.kernel.uevent import Uevent

GPU, PORT, ALL, OTHER = 0x1000, 0x2000, 0x3000, 0x4000
BRIDGE, NIC, NTB = 0x060400, 0x020000, 0x068000


def bdf(name: str) -> Bdf:
    found = parse_bdf(name)
    assert found is not None
    return found


def function(way: str, pci_class: int = NIC, *, known: bool = True) -> Function:
    """The function at the end of `way`: "0000:00:1c.0/0000:01:00.0" begins with its bridges."""
    *above, name = way.split("/")
    no = Gap(Why.ABSENT, name, "none")
    uevent = Fact(Uevent(None, pci_class, None), b"", name)
    bridges = tuple(bdf(bridge) for bridge in above) if known else None
    device = Device(name=name, bus="pci", group=no, uevent=uevent, msi_irqs=no, chip=None)
    return Function(device=device, bdf=bdf(name), above=bridges, members=None)


def table(*units: bytes) -> Dmar:
    found = parse(dmar(*units)).table
    assert found is not None
    return found


def meant(scope: Scope, *functions: Function) -> tuple[list[str], list[str]]:
    """The functions that the scope of an RMRR names, and why other scopes name none."""
    (unit,) = table(rmrr(0x1000, 0x1FFF, scope)).units
    assert isinstance(unit, Rmrr)
    found = named(unit.segment, unit.scopes, Index(functions), "DMAR")
    return [function.device.name for function in found.functions], [
        gap.detail for gap in found.gaps
    ]


def endpoint(*path: tuple[int, int], bus: int = 0) -> Scope:
    return 1, 0, bus, path


def bridge(*path: tuple[int, int], bus: int = 0) -> Scope:
    return 2, 0, bus, path


DEEP = function("0000:00:1c.0/0000:01:00.0/0000:02:05.3")


def test_a_path_of_one_step_is_a_function_of_the_root_bus() -> None:
    assert meant(endpoint((2, 0)), function("0000:00:02.0")) == (["0000:00:02.0"], [])


def test_a_path_of_several_steps_is_compared_with_the_way_from_the_root_bus() -> None:
    assert meant(endpoint((0x1C, 0), (0, 0), (5, 3)), DEEP)[0] == ["0000:02:05.3"]


@pytest.mark.parametrize(
    "path", [((0x1C, 0), (5, 3)), ((0x1C, 1), (0, 0), (5, 3)), ((0x1C, 0), (0, 0), (5, 2))]
)
def test_another_way_is_another_function(path: tuple[tuple[int, int], ...]) -> None:
    names, missing = meant(endpoint(*path), DEEP)
    assert names == []
    assert "no such device here" in missing[0]


def test_a_way_from_another_root_bus_is_another_function() -> None:
    scope = endpoint((0x1C, 0), (0, 0), (5, 3), bus=0x40)
    assert meant(scope, DEEP)[0] == []
    assert meant(scope, function("0000:40:1c.0/0000:41:00.0/0000:42:05.3"))[0] == ["0000:42:05.3"]


def test_a_single_step_from_an_assigned_bus_number_is_taken_as_linux_takes_it() -> None:
    """dmar_match_pci_path(): "RMRR entry for device 02:05.3 is broken - applying workaround"."""
    assert meant(endpoint((5, 3), bus=2), DEEP)[0] == ["0000:02:05.3"]


def test_a_bridge_stands_for_all_that_is_behind_it() -> None:
    port = function("0000:00:1c.0", BRIDGE)
    names, _ = meant(bridge((0x1C, 0)), port, DEEP, function("0000:00:02.0"))
    assert names == ["0000:00:1c.0", "0000:02:05.3"]


@pytest.mark.parametrize(
    ("scope", "pci_class", "taken"),
    [
        (endpoint((3, 0)), BRIDGE, False),
        (bridge((3, 0)), NIC, False),
        (bridge((3, 0)), NTB, True),  # a non-transparent bridge has an endpoint's header
        (bridge((3, 0)), BRIDGE, True),
    ],
)
def test_a_scope_of_the_wrong_type_is_ignored_as_linux_does_and_said(
    scope: Scope, pci_class: int, taken: bool
) -> None:
    names, missing = meant(scope, function("0000:00:03.0", pci_class))
    assert bool(names) is taken
    assert bool(missing) is not taken


def test_a_way_that_nobody_read_is_not_guessed() -> None:
    names, missing = meant(endpoint((0x1C, 0), (5, 3)), function("0000:02:05.3", known=False))
    assert names == []
    assert missing == ["0000:00:1c.0/05.3: no device there whose group shows such memory"]


def test_another_segment_has_other_functions() -> None:
    assert meant(endpoint((2, 0)), function("0001:00:02.0"))[0] == []


@pytest.mark.parametrize("kind", [3, 4, 5, 9])
def test_what_is_no_function_is_said_and_never_dropped(kind: int) -> None:
    names, missing = meant((kind, 7, 0, ((2, 0),)), function("0000:00:02.0"))
    assert (names, len(missing)) == ([], 1)
    assert "7" in missing[0]


def test_a_scope_without_a_path_names_nothing_and_is_said() -> None:
    assert meant(endpoint(), function("0000:00:00.0")) == (
        [], ["0000:00:nothing: no such device here"],
    )  # fmt: skip


TABLE = table(
    drhd(ALL, flags=1),  # first in the table, last in the kernel's list
    drhd(GPU, endpoint((2, 0))),
    drhd(PORT, bridge((0x1C, 0), (0, 0))),
    drhd(OTHER, flags=1, segment=1),
)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("0000:00:02.0", GPU),
        ("0000:00:02.1", ALL),
        ("0000:00:1c.0/0000:01:00.0", PORT),  # the bridge itself
        ("0000:00:1c.0/0000:01:00.0/0000:02:05.3", PORT),  # below it
        ("0000:00:1c.0/0000:01:01.0", ALL),  # beside it
        ("0000:00:1c.0", ALL),  # above it
        ("0001:00:02.0", OTHER),
        ("0002:00:02.0", None),
    ],
)
def test_the_unit_that_names_a_function_goes_before_the_one_for_the_rest(
    way: str, expected: int | None
) -> None:
    unit = unit_of(TABLE, function(way))
    assert (None if unit is None else unit.base) == expected


def test_the_unit_of_a_function_whose_way_nobody_read_is_not_guessed() -> None:
    assert unit_of(TABLE, function("0000:02:05.3", known=False)) is None


@pytest.mark.parametrize("kind", [3, 4, 5])
def test_io_apics_hpets_and_acpi_devices_make_no_unit_of_a_function(kind: int) -> None:
    only = table(drhd(PORT, (kind, 0, 0, ((2, 0),))))
    assert unit_of(only, function("0000:00:02.0")) is None
