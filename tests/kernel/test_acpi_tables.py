"""Firmware tables as files: present, absent, denied, hidden, and twice."""

from __future__ import annotations

import errno

import pytest

from vfioguard.fact import Fact, Gap
from vfioguard.kernel.firmware import acpi_tables
from vfioguard.kernel.firmware.acpi_tables import PATH
from vfioguard.root.memory import Entry, Memory, Refused


@pytest.mark.parametrize(
    ("host", "state"),
    [
        ({f"{PATH}/APIC": b"table"}, "present"),
        ({f"{PATH}/APIC1": b"table", f"{PATH}/APIC2": b"other"}, "present"),
        ({f"{PATH}/DSDT": b"other"}, "absent"),
        ({f"{PATH}/APIC": Refused(errno.EACCES)}, "denied"),
        ({PATH: None}, "hidden"),
        ({"/sys/firmware": None}, "hidden"),
        ({"/sys/firmware/devicetree/base/name": b"\0"}, "absent"),
        ({f"{PATH}/APIC": Refused(errno.EIO)}, "failed"),
        ({}, "absent"),
    ],
)
def test_a_table_is_there_or_it_is_said_why_not(host: dict[str, Entry], state: str) -> None:
    assert acpi_tables.state(acpi_tables.read(Memory(host)).madt) == state


def test_of_two_tables_the_first_counts() -> None:
    found = acpi_tables.read(Memory({f"{PATH}/APIC2": b"2", f"{PATH}/APIC1": b"1"})).madt
    assert isinstance(found, Fact)
    assert (found.value, found.source) == (b"1", f"{PATH}/APIC1")


def test_only_a_host_without_any_table_booted_with_a_device_tree() -> None:
    assert acpi_tables.devicetree_boot(acpi_tables.read(Memory({})))
    for host in ({PATH: None}, {f"{PATH}/DSDT": b"x"}, {f"{PATH}/APIC": Refused(errno.EACCES)}):
        tables = acpi_tables.read(Memory(host))
        assert isinstance(tables.madt, Gap)
        assert not acpi_tables.devicetree_boot(tables)
