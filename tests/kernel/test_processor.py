"""Whose processor it is: read where AMD's driver asks, and nothing of it beside that."""

from __future__ import annotations

import pytest

from tests.support.faults import Watching
from tests.support.hosts import x86_host
from tests.support.packed_tables import ivhd, ivrs, madt, special
from vfioguard.fact import Fact, Gap
from vfioguard.inference.remapping import allowed
from vfioguard.kernel.identity import arch, processor
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.recording import Recording

HYGON = (
    b"processor\t: 0\nvendor_id\t: HygonGenuine\ncpu family\t: 24\nmodel\t\t: 4\n"
    b"model name\t: Hygon C86 7490\nstepping\t: 1\nmicrocode\t: 0x1\nflags\t\t: fpu vme\n"
)
TABLES: dict[str, Entry] = {
    "/sys/firmware/acpi/tables/IVRS": ivrs(ivhd(special(33, 0x58))),
    "/sys/firmware/acpi/tables/APIC": madt(33),
    arch.CPUINFO: HYGON,
}
HOST = x86_host(1, vendor="amd", release="6.12.118-amd64") | TABLES


def test_a_processor_has_a_vendor_a_family_and_a_model() -> None:
    found = processor.read(Memory({arch.CPUINFO: HYGON}))
    assert isinstance(found, Fact)
    assert found.value == ("HygonGenuine", 0x18, 4)


@pytest.mark.parametrize(
    "raw", [b"", b"vendor_id\t: AuthenticAMD\n", HYGON.replace(b": 24", b": x"), b"\xff\n"]
)
def test_half_a_processor_is_none(raw: bytes) -> None:
    assert isinstance(processor.read(Memory({arch.CPUINFO: raw})), Gap)


def test_both_readers_of_cpuinfo_share_what_is_kept() -> None:
    kept = arch.select(HYGON)
    assert b"C86" not in kept
    assert arch.select(kept) == kept
    assert arch.parse_cpuinfo(kept) == "x86_64"
    assert processor.parse(kept) == processor.parse(HYGON)


def test_it_is_read_where_there_is_an_ivrs() -> None:
    for host, read in ((HOST, True), (x86_host(1) | {arch.CPUINFO: HYGON}, False)):
        watched = Watching(Memory(host))
        take(watched)
        assert (arch.CPUINFO in watched.paths) is read


def test_a_hygon_with_its_southbridge_at_0b_0_can_remap_and_its_recording_says_so() -> None:
    recording = Recording(Memory(HOST))
    assert allowed.of_host(take(recording)).possible is True
    assert allowed.of_host(take(Memory(recording.entries))).possible is True
    other = HOST | {arch.CPUINFO: HYGON.replace(b"HygonGenuine", b"AuthenticAMD")}
    assert allowed.of_host(take(Memory(other))).possible is False
