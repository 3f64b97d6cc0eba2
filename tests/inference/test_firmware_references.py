"""References of a table that lead nowhere are told; those of real tables all lead somewhere."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support import arm_firmware as arm
from tests.support.packed_tables import table
from vfioguard.acpi import iort, rimt, viot
from vfioguard.inference.firmware.of_host import Given, of_files, of_host
from vfioguard.inference.firmware.references import Lost, lost
from vfioguard.reading.take import take
from vfioguard.root import capture

CAPTURES = sorted(Path("tests/fixtures/sysfs").glob("*/*.tar.xz"))
ITS, SMMU = 48, 72
NOWHERE = 0x4242


def to(reference: int) -> bytes:
    return arm.mapping(0, 0xFFFF, 0, reference)


def an_iort(smmu: int = ITS, complex_: int = SMMU) -> bytes:
    nodes = (arm.its_group(0), arm.smmu_v3(to(smmu)), arm.root_complex(0, to(complex_)))
    assert arm.offsets(nodes)[1] == SMMU
    return arm.iort(*nodes)


def a_viot(reference: int) -> bytes:
    iommu = struct.pack("<BBHHH8x", 3, 0, 16, 0, 8)
    endpoints = struct.pack("<BBHIHHHHH6x", 1, 0, 24, 0, 0, 0, 0, 0xFFFF, reference)
    endpoints += struct.pack("<BBHIQH6x", 2, 0, 24, 0, 0x1000, reference)
    return table(b"VIOT", struct.pack("<HH8x", 3, 48) + iommu + endpoints)


def a_rimt(reference: int) -> bytes:
    iommu = struct.pack("<BBHHH8sQIIHHHH", 0, 1, 40, 0, 0, b"RSCV0004", 0x1000, 0, 0, 0, 0, 0, 40)
    mapping = struct.pack("<5I", 0, 0xFFFF, 0, reference, 0)
    root = struct.pack("<BBHHHIHHHH", 1, 1, 40, 0, 1, 0, 0, 0, 20, 1) + mapping
    return table(b"RIMT", struct.pack("<III", 2, 48, 0) + iommu + root)


@pytest.mark.parametrize("raw", [an_iort(), an_iort(complex_=ITS)])
def test_references_that_lead_somewhere_are_none_of_them(raw: bytes) -> None:
    assert lost(iort.parse(raw).table) == ()
    assert lost(viot.parse(a_viot(48)).table) == ()
    assert lost(rimt.parse(a_rimt(48)).table) == ()


def test_a_mapping_of_an_iort_may_lead_nowhere() -> None:
    first, second = (
        lost(iort.parse(raw).table) for raw in (an_iort(smmu=NOWHERE), an_iort(complex_=NOWHERE))
    )
    assert [one.reference for one in (*first, *second)] == [NOWHERE, NOWHERE]
    assert first[0].offset < second[0].offset


def test_no_id_is_mapped_to_a_root_complex() -> None:
    nodes = (arm.its_group(0), arm.root_complex(0, to(72)))
    (found,) = lost(iort.parse(arm.iort(*nodes)).table)
    assert found.reference == 72


def test_endpoints_of_a_viot_may_be_behind_nothing() -> None:
    assert lost(viot.parse(a_viot(NOWHERE)).table) == (Lost(64, NOWHERE), Lost(88, NOWHERE))
    assert lost(viot.parse(a_viot(64)).table) == (Lost(64, 64), Lost(88, 64))


def test_a_mapping_of_a_rimt_may_lead_nowhere() -> None:
    (found,) = lost(rimt.parse(a_rimt(NOWHERE)).table)
    assert found.reference == NOWHERE


def test_a_table_that_breaks_off_is_not_asked() -> None:
    raw = an_iort(complex_=NOWHERE)[:-1]
    (one,) = of_files([Given("IORT", "file", raw)]).tables
    assert (one.state, one.lost) == ("malformed", ())


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_table_of_a_recorded_host_refers_to_nothing(path: Path) -> None:
    tables = of_host(take(capture.load(str(path)))).tables
    assert [(one.signature, one.lost) for one in tables if one.lost] == []
