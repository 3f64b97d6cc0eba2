"""What real firmware does that no specification says, and what lies in wait."""

from __future__ import annotations

import pytest

from tests.acpi.own import OWN, parse, put, sealed
from vfioguard.acpi import BadTable, Unknown, dmar, iort, ivrs, leaves, madt, mcfg, table, viot
from vfioguard.acpi.parts.iort_bodies import RootComplex, Unparsed
from vfioguard.acpi.structure import sdt
from vfioguard.acpi.structure.layout import MOST


def test_every_leaf_is_found_by_its_name() -> None:
    signatures = {leaf: table(leaf).signature for leaf in leaves()}
    assert signatures == {
        "dmar": "DMAR", "iort": "IORT", "ivrs": "IVRS", "madt": "APIC", "mcfg": "MCFG",
        "rimt": "RIMT", "viot": "VIOT",
    }  # fmt: skip


def test_a_wrong_checksum_is_told_and_does_no_harm() -> None:
    raw = put(OWN["dmar-all"], 9, 0, 1)
    parsed = dmar.parse(raw)
    assert parsed.broken is None
    assert not parsed.table.header.checksum_ok
    assert parsed.table.units == dmar.parse(OWN["dmar-all"]).table.units


def test_bytes_behind_the_table_are_counted_and_not_read() -> None:
    parsed = dmar.parse(OWN["dmar-all"] + bytes(7))
    assert parsed.broken is None
    assert parsed.table.header.trailing == 7
    assert parsed.table.header.checksum_ok


def test_a_table_that_is_shorter_than_it_says_is_read_as_far_as_it_goes() -> None:
    raw = OWN["dmar-all"][:-1]
    parsed = dmar.parse(raw)
    assert parsed.broken == BadTable(len(raw), f"the header says {len(raw) + 1} bytes, "
                                     f"{len(raw)} are there")  # fmt: skip
    assert len(parsed.table.units) == 10


@pytest.mark.parametrize("size", [0, 1, 35])
def test_less_than_a_header_is_no_table(size: int) -> None:
    parsed = madt.parse(OWN["madt-x86"][:size])
    assert parsed == (None, BadTable(0, f"a header has 36 bytes, and {size} are there"))


def test_another_table_is_no_table() -> None:
    parsed = dmar.parse(OWN["ivrs-all"])
    assert parsed == (None, BadTable(0, "the signature is 'IVRS', not 'DMAR'"))


def test_a_header_without_its_fixed_part_is_no_table() -> None:
    parsed = dmar.parse(sealed(OWN["dmar-all"][:40]))
    assert parsed == (None, BadTable(40, "DMAR has 48 bytes at least"))


def test_a_header_can_be_read_of_any_table() -> None:
    header = sdt.header(sealed(b"SSDT" + bytes(32)))
    assert (header.signature, header.length, header.checksum_ok) == ("SSDT", 36, True)


def test_an_unknown_ivrs_block_is_kept_and_stepped_over() -> None:
    block = bytes([0x51, 0, 8, 0, 2, 0, 0xAA, 0xBB])
    raw = sealed(OWN["ivrs-all"] + block + OWN["ivrs-two-iommus"][48:])
    parsed = ivrs.parse(raw)
    assert parsed.broken is None
    assert parsed.table.blocks[6] == Unknown(417, 0x51, block)
    assert [b.type for b in parsed.table.blocks[7:]] == [0x10, 0x10]


def test_the_kernel_takes_the_last_type_of_the_first_device() -> None:
    blocks = ivrs.parse(OWN["ivrs-all"]).table.blocks
    assert ivrs.kernel_ivhd_type(blocks) == 0x40
    assert ivrs.kernel_ivhd_type(blocks[:2]) == 0x11
    assert ivrs.kernel_ivhd_type(blocks[:1]) == 0x10
    assert ivrs.kernel_ivhd_type(()) is None


def test_the_kernel_looks_no_further_than_a_type_above_40h() -> None:
    first, second, third = ivrs.parse(OWN["ivrs-all"]).table.blocks[:3]
    unknown = Unknown(0, 0x51, bytes([0x51, 0, 8, 0, 2, 0, 0, 0]))
    assert ivrs.kernel_ivhd_type((first, second, unknown, third)) == 0x11
    assert ivrs.kernel_ivhd_type((unknown, third)) == 0x51


def test_the_kernel_counts_only_the_first_device() -> None:
    blocks = ivrs.parse(OWN["ivrs-all"]).table.blocks
    other = blocks[2]._replace(device_id=3)
    assert ivrs.kernel_ivhd_type((*blocks[:2], other)) == 0x11


def test_device_entries_of_reserved_types_have_the_length_that_their_type_says() -> None:
    entries = bytes([0x44] + [1] * 7 + [0x80] + [2] * 15 + [0xC0] + [3] * 31)
    block = bytearray(OWN["ivrs-two-iommus"][48:72]) + entries
    block[2] = len(block)
    parsed = ivrs.parse(sealed(OWN["ivrs-all"][:48] + block))
    assert parsed.broken is None
    found = parsed.table.blocks[0].entries
    assert [(e.type, len(e.raw)) for e in found] == [(0x44, 8), (0x80, 16), (0xC0, 32)]


@pytest.mark.parametrize("kind", [0xF1, 0xFF])
def test_a_device_entry_of_unknown_length_ends_its_block_only(kind: int) -> None:
    raw = put(OWN["ivrs-two-iommus"], 76, kind, 1)
    parsed = ivrs.parse(raw)
    assert parsed.broken.offset == 76
    assert [e.type for e in parsed.table.blocks[0].entries] == [3, kind]
    assert len(parsed.table.blocks[0].entries[1].raw) == 12
    assert len(parsed.table.blocks[1].entries) == 3


def test_an_acpi_hid_entry_without_a_uid_has_none() -> None:
    raw = OWN["ivrs-all"]
    entry = raw[260:280] + bytes([0, 0])
    block = bytearray(raw[196:236]) + entry
    block[2] = len(block)
    parsed = ivrs.parse(sealed(raw[:48] + block))
    (found,) = parsed.table.blocks[0].entries
    assert (parsed.broken, found.hid, found.uid) == (None, "AMDI0020", None)


@pytest.mark.parametrize("kind", [0x7F, 0x80, 0xFF])
def test_an_unknown_madt_entry_is_kept(kind: int) -> None:
    entry = bytes([kind, 12]) + bytes(range(10))
    parsed = madt.parse(sealed(OWN["madt-x86"] + entry))
    assert parsed.broken is None
    assert parsed.table.entries[-1] == Unknown(148, kind, entry)


@pytest.mark.parametrize(
    ("length", "missing"),
    [(40, 11), (76, 6), (80, 3), (82, 2), (88, 0)],
    ids=["ACPI 5.0", "ACPI 5.1", "ACPI 6.3", "ACPI 6.5", "ACPI 6.6"],
)
def test_a_gicc_may_be_as_short_as_its_revision_of_acpi(length: int, missing: int) -> None:
    entry = (OWN["madt-arm"][68:150] + bytes(6))[:length]
    parsed = madt.parse(sealed(OWN["madt-arm"][:44] + put(entry, 1, length, 1)))
    (found,) = parsed.table.entries
    assert parsed.broken is None
    assert sum(value is None for value in found) == missing


def test_a_known_entry_that_is_too_short_is_kept_as_bytes_and_the_next_one_read() -> None:
    raw = OWN["madt-x86"][:44] + bytes([1, 4, 9, 0]) + OWN["madt-x86"][60:72]
    parsed = madt.parse(sealed(raw))
    assert parsed.broken == BadTable(44, "IoApic needs 12 bytes and has 4")
    assert parsed.table.entries[0] == Unknown(44, 1, bytes([1, 4, 9, 0]))
    assert parsed.table.entries[1].io_apic_id == 2


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize("name", ["dmar-all", "ivrs-all", "iort-all", "madt-x86", "viot-all"])
def test_a_length_that_leads_nowhere_ends_the_list_there(name: str, length: int) -> None:
    where = {"dmar": 74, "ivrs": 114, "iort": 77, "madt": 53, "viot": 74}[name[:4]]
    start = {"dmar": 72, "ivrs": 112, "iort": 76, "madt": 52, "viot": 72}[name[:4]]
    size = 1 if name == "madt-x86" else 2
    parsed = parse(put(OWN[name], where, length, size), name)
    assert parsed.broken.offset == start
    assert f"is {length}" in parsed.broken.why
    lists = ("units", "blocks", "nodes", "entries")
    assert [len(getattr(parsed.table, n)) for n in lists if hasattr(parsed.table, n)] == [1]


def test_a_scope_of_length_0_ends_its_unit_and_not_the_table() -> None:
    parsed = dmar.parse(put(OWN["dmar-all"], 123, 0, 1))
    assert parsed.broken == BadTable(122, "the length of this device scope is 0")
    assert len(parsed.table.units[2].scopes) == 1
    assert len(parsed.table.units) == 10


@pytest.mark.parametrize("size", [1, 4, 16, 100])
def test_zeros_may_fill_the_rest_of_a_dmar_as_the_kernel_has_it(size: int) -> None:
    parsed = dmar.parse(sealed(OWN["dmar-all"] + bytes(size)))
    assert parsed.broken is None
    assert parsed.table.units == dmar.parse(OWN["dmar-all"]).table.units


def test_a_structure_without_a_length_before_anything_else_is_a_break() -> None:
    raw = sealed(OWN["dmar-all"] + bytes(16) + b"\x01")
    assert dmar.parse(raw).broken == BadTable(
        len(OWN["dmar-all"]), "the length of this remapping structure is 0"
    )


def test_an_unknown_dmar_structure_is_kept_and_stepped_over() -> None:
    structure = bytes([0x20, 0, 12, 0]) + bytes(range(8))
    raw = sealed(OWN["dmar-all"][:48] + structure + OWN["dmar-all"][48:])
    parsed = dmar.parse(raw)
    assert parsed.broken is None
    assert parsed.table.units[0] == Unknown(48, 0x20, structure)
    assert len(parsed.table.units) == 11


def test_iort_nodes_that_refer_to_each_other_are_read_once() -> None:
    parsed = iort.parse(OWN["iort-cycle"])
    assert parsed.broken is None
    nodes = parsed.table.by_offset()
    assert list(nodes) == [48, 136, 224]
    assert [n.mappings[0].output_reference for n in nodes.values()] == [136, 48, 224]


def test_a_root_complex_of_revision_0_may_end_where_its_mappings_begin() -> None:
    node = OWN["iort-all"][135:211]
    short = put(put(node[:32] + node[36:], 12, 32, 4), 1, 72, 2)
    raw = put(sealed(OWN["iort-all"][:48] + short), 36, 1, 4)
    (found,) = iort.parse(raw).table.nodes
    assert isinstance(found.body, RootComplex)
    assert found.body.memory_size_limit is None
    assert [m.input_base for m in found.mappings] == [0, 0x100]


def test_a_root_complex_of_revision_4_may_have_flags_of_its_own() -> None:
    node = OWN["iort-all"][135:211]
    long = put(put(node[:36] + b"\1\0\0\0" + node[36:], 12, 40, 4), 1, 80, 2)
    raw = put(sealed(OWN["iort-all"][:48] + long), 36, 1, 4)
    (found,) = iort.parse(raw).table.nodes
    assert (found.body.flags, found.mappings[1].output_base) == (1, 0x100)


def test_an_iort_node_of_an_unknown_type_keeps_its_bytes_and_its_mappings() -> None:
    parsed = iort.parse(put(OWN["iort-cycle"], 48, 9, 1))
    assert parsed.broken is None
    node = parsed.table.nodes[0]
    assert node.body == Unparsed(OWN["iort-cycle"][64:136])
    assert node.mappings[0].output_reference == 136


@pytest.mark.parametrize(
    ("name", "offset"),
    [("iort-all", 36), ("iort-all", 64), ("iort-all", 84), ("iort-all", 363), ("iort-all", 519)],
    ids=["nodes", "ITS ids", "mappings", "context interrupts", "memory ranges"],
)
def test_a_count_of_4_billion_makes_no_more_than_there_is(name: str, offset: int) -> None:
    parsed = iort.parse(put(OWN[name], offset, 0xFFFFFFFF, 4))
    assert "are announced and" in parsed.broken.why
    assert 1 <= len(parsed.table.nodes) <= 8


def test_fewer_nodes_than_announced_are_a_break_and_more_are_not() -> None:
    assert viot.parse(put(OWN["viot-all"], 36, 5, 2)).broken.why.startswith("5 nodes")
    fewer = viot.parse(put(OWN["viot-all"], 36, 3, 2))
    assert (len(fewer.table.nodes), fewer.broken) == (3, None)


def test_a_table_without_nodes_is_whole() -> None:
    raw = put(sealed(OWN["iort-all"][:48]), 36, 0, 4)
    assert iort.parse(raw).broken is None
    assert iort.parse(raw).table.nodes == ()


def test_nodes_inside_the_header_are_none() -> None:
    parsed = iort.parse(put(OWN["iort-all"], 40, 4, 4))
    assert parsed.broken == BadTable(4, "the nodes begin inside the first 48 bytes")
    assert parsed.table.nodes == ()


def test_half_an_allocation_is_a_break() -> None:
    parsed = mcfg.parse(sealed(OWN["mcfg-two"] + bytes(5)))
    assert parsed.broken == BadTable(76, "5 bytes are no allocation")
    assert len(parsed.table.allocations) == 2


def test_what_is_more_than_any_machine_has_is_a_break_and_no_work() -> None:
    raw = sealed(OWN["madt-x86"][:44] + OWN["madt-x86"][44:52] * (MOST + 1))
    parsed = madt.parse(raw)
    assert len(parsed.table.entries) == MOST
    assert parsed.broken == BadTable(44 + 8 * MOST, f"more than {MOST} structures")
