"""Whatever the bytes are: a value, a break, and never more work than there are bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.acpi.oracle import TABLES
from tests.acpi.own import OWN, parse, pieces, put, sealed
from vfioguard.acpi import BadTable, Parsed
from vfioguard.acpi.dump import split
from vfioguard.acpi.structure.layout import MOST

#: What a number may be that decides how far to read.
LIMITS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7F, 0x80, 0xFE, 0xFF)
WIDE = (0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
WIDEST = (0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def check(parsed: Parsed, size: int) -> None:
    """A break is inside the table or at its end, and nothing was made of nothing."""
    if parsed.broken is not None:
        assert isinstance(parsed.broken, BadTable)
        assert parsed.broken.why
    if parsed.table is None:
        assert parsed.broken is not None
        return
    found = list(pieces(parsed.table))
    assert len(found) <= size
    for piece in found:
        assert (
            len(piece) == len(getattr(piece, "_fields", piece)) if isinstance(piece, tuple) else 1
        )
    assert len(found) <= 2 * MOST  # a node has a body


def prefix(part: object, whole: object) -> bool:
    """Whether all that stood before the break is what the whole table says."""
    lists = [n for n in ("units", "blocks", "entries", "nodes", "allocations") if hasattr(part, n)]
    mine, other = getattr(part, lists[0]), getattr(whole, lists[0])
    return mine[:-1] == other[: max(len(mine) - 1, 0)]


@pytest.mark.parametrize("name", OWN)
def test_a_table_may_end_anywhere(name: str) -> None:
    whole = parse(OWN[name], name).table
    for size in range(len(OWN[name])):
        cut = parse(OWN[name][:size], name)
        check(cut, size)
        assert cut.broken is not None
        assert cut.table is None or prefix(cut.table, whole)


@pytest.mark.parametrize("name", OWN)
def test_a_table_may_say_that_it_ends_anywhere(name: str) -> None:
    whole = parse(OWN[name], name).table
    for size in range(len(OWN[name])):
        for raw in (put(OWN[name], 4, size, 4), sealed(OWN[name][:size].ljust(10, b"\0"))):
            cut = parse(raw, name)
            check(cut, len(raw))
            assert cut.table is None or prefix(cut.table, whole)


@pytest.mark.parametrize("name", OWN)
def test_every_number_may_be_any_limit(name: str) -> None:
    raw = OWN[name]
    for offset in range(len(raw)):
        for size, values in ((1, LIMITS), (2, LIMITS[::3] + WIDE), (4, WIDEST)):
            if offset + size <= len(raw):
                for value in values:
                    check(parse(put(raw, offset, value, size), name), len(raw))


@pytest.mark.parametrize("name", OWN)
def test_every_bit_may_flip(name: str) -> None:
    for bit in range(8 * len(OWN[name])):
        raw = bytearray(OWN[name])
        raw[bit // 8] ^= 1 << bit % 8
        check(parse(bytes(raw), name), len(raw))


@settings(deadline=None)
@given(st.sampled_from(sorted(OWN)), st.data())
def test_many_bytes_may_change(name: str, data: st.DataObject) -> None:
    raw = bytearray(OWN[name])
    for offset in data.draw(st.lists(st.integers(36, len(raw) - 1), max_size=12)):
        raw[offset] = data.draw(st.sampled_from((*LIMITS, 0x10, 0x20, 0x40, 0x48, 0xF0)))
    check(parse(bytes(raw), name), len(raw))


@settings(deadline=None)
@given(st.sampled_from(sorted(TABLES)), st.binary(max_size=600))
def test_anything_may_follow_a_header(signature: str, rest: bytes) -> None:
    raw = sealed(signature.encode() + bytes(32) + rest)
    check(TABLES[signature].parse(raw), len(raw))


@settings(deadline=None)
@given(st.sampled_from(sorted(TABLES)), st.binary(max_size=200))
def test_anything_at_all_may_come(signature: str, raw: bytes) -> None:
    check(TABLES[signature].parse(raw), len(raw))


@settings(deadline=None)
@given(
    st.sampled_from(sorted(TABLES)),
    st.lists(st.sampled_from(sorted(OWN.values())), min_size=1, max_size=4),
    st.integers(0, 300),
)
def test_pieces_of_tables_may_follow_each_other(
    signature: str, parts: list[bytes], start: int
) -> None:
    raw = sealed(signature.encode() + b"".join(part[start:] for part in parts).ljust(32, b"\0"))
    check(TABLES[signature].parse(raw), len(raw))


def nested(signature: str, size: int) -> bytes:
    """The densest table of a kind: as many structures as there can be in so many bytes."""
    smallest = {
        "DMAR": b"\x00\x00\xfa\xff" + bytes(12) + b"\x01\x06\0\0\0\0" * 10919,
        "APIC": b"\x7f\x02",
        "IVRS": b"\x10\x00\xfc\xff" + bytes(20) + b"\x02\0\0\0" * 16377,
        "VIOT": b"\x09\x00\x04\x00",
        "MCFG": bytes(16),
    }
    head = signature.encode() + bytes(32) + {"VIOT": b"\xff\xff\x30\0"}.get(signature, b"")
    body = head.ljust({"APIC": 44, "MCFG": 44}.get(signature, 48), b"\0")
    fill = smallest[signature]
    return sealed(body + fill * ((size - len(body)) // len(fill)))


@pytest.mark.parametrize("signature", ["APIC", "DMAR", "IVRS", "MCFG", "VIOT"])
def test_a_dense_megabyte_is_given_up_before_it_costs(signature: str) -> None:
    raw = nested(signature, 1 << 20)
    parsed = TABLES[signature].parse(raw)
    check(parsed, len(raw))
    assert "more than" in parsed.broken.why
    assert sum(1 for _ in pieces(parsed.table)) <= MOST


def test_nodes_that_share_their_mappings_are_given_up_before_they_cost() -> None:
    node = b"\x09\x10\x00\x00" + bytes(4) + b"\xff\xff\xff\xff" + b"\x10\0\0\0"
    head = b"IORT" + bytes(32) + b"\xff\xff\xff\xff\x30\0\0\0\0\0\0\0"
    parsed = TABLES["IORT"].parse(sealed((head + node * 65536)[: 1 << 20]))
    check(parsed, 1 << 20)
    assert sum(1 for _ in pieces(parsed.table)) <= 2 * MOST


CORPUS = sorted((Path(__file__).parents[2] / "fuzz/corpus/acpi").iterdir())


@pytest.mark.parametrize("signature", sorted(TABLES))
def test_what_the_fuzzer_kept_is_read_or_refused(signature: str) -> None:
    assert len(CORPUS) > 50
    for path in CORPUS:
        raw = path.read_bytes()
        split(raw)
        check(TABLES[signature].parse(signature.encode() + raw[4:]), len(raw))
        check(
            TABLES[signature].parse(sealed(signature.encode() + raw[4:].ljust(32))), 36 + len(raw)
        )


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_file_can_be_split(raw: bytes) -> None:
    for form in (raw, b"DMAR @ 0x0\n" + raw):
        dump = split(form)
        assert sum(len(found.raw) for found in dump.tables) <= len(form)
