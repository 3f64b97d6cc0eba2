"""The domains by IORT and MADT: iort_node_map_id() step by step, and the GICv2m frames."""

from __future__ import annotations

import errno

import pytest

from tests.support.arm_firmware import (
    ACPI,
    ITS_LINES,
    acpi_host,
    add_member,
    component,
    iort,
    isolated,
    its_group,
    machine_isolated,
    madt,
    mapping,
    offsets,
    root_complex,
    safe_in_2016,
    smmu_v3,
)
from vfioguard.root.memory import Entry, Refused

NIC = "0000:00:02.0"  # id 0x10
OLD = "6.1.0-arm64"
V2M_LINES = b"[    0.000000] GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]\n"
NOLPI = b"irqchip.gicv3_nolpi=1"
ITS = 48  # offset of the first node
_M = mapping(0, 0, 0, 0)
#: The offset of the second node after an ITS group of one ITS, and that of the third node after an
#: ITS group and a root complex with one mapping.
SECOND = offsets([its_group(0), its_group(0)])[1]
THIRD = offsets([its_group(0), root_complex(0, _M), its_group(0)])[2]


def host(*nodes: tuple[int, int, bytes, bytes], **more: object) -> dict[str, Entry]:
    return acpi_host({"APIC": madt(), "IORT": iort(*nodes)}, **more)  # type: ignore[arg-type]


def to_its(*mappings: bytes, segment: int = 0, ids: tuple[int, ...] = (0,)) -> dict[str, Entry]:
    return host(its_group(*ids), root_complex(segment, *mappings))


WHOLE = mapping(0, 0xFFFF, 0, ITS)


@pytest.mark.parametrize(
    ("mappings", "truth"),
    [
        ([WHOLE], True),
        ([], False),
        ([mapping(0, 0xF, 0, ITS)], False),
        ([mapping(0, 0x10, 0, ITS)], True),
        ([mapping(0x11, 9, 0, ITS)], False),
        ([mapping(0x10, 0, 0, ITS)], True),
        ([mapping(0x10, 0xFFFFFFFF, 0, ITS)], False),
        ([mapping(0x900, 0, 0, ITS, single=True)], True),
        ([mapping(0, 0x10, 0, ITS), mapping(0x10, 9, 0, 4)], False),
        ([mapping(0, 0x10, 0, 4), mapping(0x10, 9, 0, ITS)], True),
        ([mapping(0, 0x10, 0, ITS), mapping(8, 0x10, 0, 4)], True),
        ([mapping(0, 0x20, 0, ITS), mapping(0x10, 9, 0, 4)], True),
        ([mapping(0x90, 0, 0, 0), WHOLE], False),
        ([mapping(0, 0xFFFF, 0, SECOND)], False),
        ([mapping(0, 0xFFFF, 0, 7)], False),
    ],
)
def test_a_root_complex_maps_an_id(mappings: list[bytes], truth: bool) -> None:
    assert isolated(to_its(*mappings), NIC) is truth


@pytest.mark.parametrize(("segment", "truth"), [(0x1F, True), (0, False)])
def test_a_root_complex_is_found_by_its_segment(segment: int, truth: bool) -> None:
    found = host(its_group(0), root_complex(segment, WHOLE), functions=("001f:00:02.0",))
    assert isolated(found, "001f:00:02.0") is truth


def test_the_first_root_complex_of_a_segment_counts() -> None:
    assert isolated(host(its_group(0), root_complex(0), root_complex(0, WHOLE)), NIC) is False


@pytest.mark.parametrize(
    ("ids", "truth"), [((0,), True), ((5,), False), ((5, 0), False), ((), False)]
)
def test_the_first_its_of_the_group_must_be_in_the_madt(ids: tuple[int, ...], truth: bool) -> None:
    size = offsets([its_group(*ids), its_group()])[1]
    assert size > ITS
    assert isolated(to_its(WHOLE, ids=ids), NIC) is truth


def test_references_may_point_forward() -> None:
    nodes = [root_complex(0, _M), its_group(0)]
    forward = mapping(0, 0xFFFF, 0, offsets(nodes)[1])
    assert isolated(host(root_complex(0, forward), its_group(0)), NIC) is True


def test_a_circle_of_references_ends() -> None:
    circle = mapping(0, 0xFFFF, 0, THIRD)
    nodes = its_group(0), root_complex(0, circle), smmu_v3(mapping(0, 0xFFFF, 0, THIRD), wired=3)
    assert isolated(host(*nodes), NIC) is False


@pytest.mark.parametrize(
    ("smmu", "truth"),
    [
        (smmu_v3(mapping(0x110, 0, 0, ITS), wired=3), True),
        (smmu_v3(mapping(0x110, 0, 0, ITS), wired=0), False),
        (smmu_v3(mapping(0x110, 0, 0, ITS), wired=0, revision=0), True),
        (smmu_v3(mapping(0x110, 0, 0, ITS), wired=0, revision=5), True),
        (smmu_v3(mapping(0x110, 0, 0, ITS), wired=3, revision=5, flags=16), False),
        (smmu_v3(mapping(0x110, 0, 0, ITS), wired=0, index=1), True),
        (smmu_v3(mapping(0x110, 0, 0, ITS, single=True), wired=3), False),
        (smmu_v3(mapping(0x10, 0, 0, ITS), wired=3), False),
    ],
)
def test_an_smmu_is_a_step_that_skips_its_own_mapping(
    smmu: tuple[int, int, bytes, bytes], truth: bool
) -> None:
    nodes = its_group(0), root_complex(0, mapping(0, 0xFF, 0x100, THIRD)), smmu
    assert isolated(host(*nodes), NIC) is truth


def test_an_unmapped_function_inherits_from_a_mapped_port() -> None:
    ways = ("0000:00:01.0", "0000:00:01.0/0000:01:00.0", NIC)
    found = host(its_group(0), root_complex(0, mapping(8, 0, 8, ITS)), functions=ways)
    assert isolated(found, "0000:01:00.0") is True
    assert isolated(found, NIC) is False


def test_behind_a_pcie_to_pci_bridge_the_id_is_the_secondary_bus() -> None:
    ways = (NIC, f"{NIC}/0000:01:05.0")
    only = root_complex(0, mapping(0x100, 0, 0, ITS))
    found = host(its_group(0), only, functions=ways, conventional=["0000:01:05.0"])
    assert isolated(found, "0000:01:05.0") is True


RC = (its_group(0), root_complex(0, WHOLE))


@pytest.mark.parametrize(
    ("apic", "log", "cmdline", "device", "machine"),
    [
        (madt(), ITS_LINES, b"", True, True),
        (madt(), b"", NOLPI, False, True),
        (madt(), b"", b"", None, True),
        (madt(its=()), b"", b"", False, True),
        (madt(its=(), frames=1), V2M_LINES, b"", False, False),
        (madt(its=(), frames=1), b"", b"", False, None),
        (madt(frames=1), ITS_LINES, b"", True, True),
        (madt(frames=1), b"", NOLPI, False, False),
        (madt(frames=1), b"", b"", None, None),
        (madt(version=2, its=(), frames=1), b"", b"", False, False),
        (madt(version=2, frames=1), b"", b"", False, False),
    ],
)
def test_the_madt_says_which_controllers_there_are(
    apic: bytes, log: bytes, cmdline: bytes, device: bool | None, machine: bool | None
) -> None:
    tables = {"APIC": apic, "IORT": iort(*RC)}
    assert isolated(acpi_host(tables, log=log, cmdline=cmdline), NIC) is device
    old = acpi_host(tables, log=log, cmdline=cmdline, release=OLD)
    assert machine_isolated(old) is machine


def test_the_series_takes_what_reaches_no_controller() -> None:
    assert safe_in_2016(acpi_host({"APIC": madt()})) is True


def test_the_series_refuses_what_falls_back_to_a_frame() -> None:
    tables = {"APIC": madt(its=(), frames=1), "IORT": iort(*RC)}
    assert safe_in_2016(acpi_host(tables, log=V2M_LINES)) is False


def test_without_an_iort_nothing_reaches_an_its() -> None:
    found = acpi_host({"APIC": madt()})
    add_member(found, "SAS0")
    assert isolated(found, NIC) is False
    assert isolated(found, "SAS0") is False


@pytest.mark.parametrize("name", ["APIC", "IORT"])
@pytest.mark.parametrize("entry", [b"IORT", Refused(errno.EACCES), Refused(errno.EIO)])
def test_a_table_that_cannot_be_read_or_makes_no_sense_is_unknown(name: str, entry: Entry) -> None:
    found = acpi_host({"APIC": madt(), "IORT": iort(*RC)}) | {f"{ACPI}/{name}": entry}
    assert isolated(found, NIC) is None


def test_an_empty_directory_of_tables_is_unknown() -> None:
    found = acpi_host({})
    del found[f"{ACPI}/FACP"]
    assert isolated(found, NIC) is None
    assert machine_isolated(found) is None


@pytest.mark.parametrize(
    ("mappings", "truth"),
    [
        ([], False),
        ([mapping(0, 9, 0, ITS)], False),
        ([mapping(0, 0, 7, ITS, single=True)], None),
        ([mapping(0, 0, 7, 4, single=True)], False),
    ],
)
def test_a_platform_device_needs_a_component_that_reaches_an_its(
    mappings: list[bytes], truth: bool | None
) -> None:
    found = host(its_group(0), component(*mappings))
    add_member(found, "SAS0")
    assert isolated(found, "SAS0") is truth
