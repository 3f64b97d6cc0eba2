"""What a machine is called: two names, read only where Linux corrects what such machines say."""

from __future__ import annotations

from tests.support.faults import Watching
from tests.support.hosts import x86_host
from tests.support.packed_tables import ivhd, ivrs, madt
from vfioguard.fact import Fact, Gap
from vfioguard.inference.remapping import allowed
from vfioguard.kernel.identity import dmi
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory

TABLES = "/sys/firmware/acpi/tables"
NAMES: dict[str, Entry] = {
    f"{dmi.PATH}/sys_vendor": b"LENOVO\n",
    f"{dmi.PATH}/product_name": b"81FB\n",
    f"{dmi.PATH}/product_serial": b"PF1234\n",
}
AMD: dict[str, Entry] = {f"{TABLES}/IVRS": ivrs(ivhd()), f"{TABLES}/APIC": madt(32)}


def test_a_machine_has_a_vendor_and_a_product() -> None:
    found = dmi.read(Memory(NAMES))
    assert isinstance(found, Fact)
    assert found.value == ("LENOVO", "81FB")


def test_half_a_name_is_none() -> None:
    found = dmi.read(Memory({f"{dmi.PATH}/sys_vendor": b"LENOVO\n"}))
    assert isinstance(found, Gap)
    assert found.source == f"{dmi.PATH}/product_name"


def test_a_name_is_shown_without_escapes() -> None:
    found = dmi.read(Memory({**NAMES, f"{dmi.PATH}/sys_vendor": b"X\x1b[1m\xff\n"}))
    assert isinstance(found, Fact)
    assert found.value.vendor.isprintable()


def test_it_is_read_where_there_is_an_ivrs_and_nothing_else_of_it_ever() -> None:
    for tables, read in ((AMD, {"sys_vendor", "product_name"}), ({}, set[str]())):
        watched = Watching(Memory({**x86_host(vendor="amd"), **NAMES, **tables}))
        take(watched)
        assert {p.rpartition("/")[2] for p in watched.paths if p.startswith(dmi.PATH)} == read


def test_the_host_of_a_machine_that_linux_corrects_is_not_called_impossible() -> None:
    host = {**x86_host(vendor="amd", release="6.1.100-amd64"), **AMD}
    assert allowed.of_host(take(Memory(host))).possible is False
    assert allowed.of_host(take(Memory({**host, **NAMES}))).possible is True
