"""Equal to iasl: every field of every table that both know.

The tables of real machines are not in the repository. Where they lie beside the checkout they are
compared as well; our own are compared everywhere, so that this is never nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acpi import oracle
from tests.acpi.facts import FACTS
from tests.acpi.names import BEYOND, FLAGS, IASL, KEYS, UNNAMED, WORDS
from vfioguard.acpi import Unknown, iort
from vfioguard.acpi.structure import sdt

OURS = Path(__file__).parent.parent / "fixtures/acpi"
SHARED = Path(__file__).parents[3] / "shared/acpi"
HEADER = {"oem_id": "OURS  ", "oem_table_id": "SYNTHETI", "oem_revision": 7, "creator_id": "INTL"}
SIGNATURES = {"dmar": "DMAR", "iort": "IORT", "ivrs": "IVRS", "madt": "APIC"}


class Case(NamedTuple):
    raw: bytes
    decode: Path
    facts: dict | None
    signature: str


def own() -> list[Case]:
    found = []
    for binary in sorted(OURS.glob("*.aml")):
        leaf = binary.name.partition("-")[0]
        signature = SIGNATURES.get(leaf, leaf.upper())
        known = FACTS.get(binary.stem)
        facts = {signature: known, "header": HEADER, "file": {"byte_sum_mod_256": 0}}
        decode = binary.with_suffix(".iasl")
        found.append(Case(binary.read_bytes(), decode, facts if known else None, signature))
    return found


def shared() -> list[Case]:
    index = SHARED / "index.json"
    return [
        Case(
            (SHARED / entry["file"]).read_bytes(),
            SHARED / (entry["file"] + ".dsl"),
            json.loads((SHARED / (entry["file"] + ".oracle.json")).read_text()),
            entry["signature"],
        )
        for entry in (json.loads(index.read_text()) if index.exists() else [])
    ]


CASES = own() + shared()


def places_in_unknown(table: object) -> Iterator[range]:
    """The bytes of structures that are kept as (type, bytes)."""
    for nested in ("units", "scopes", "entries", "blocks", "nodes"):
        for child in getattr(table, nested, ()):
            if isinstance(child, Unknown):
                yield range(child.offset, child.offset + len(child.raw))
            else:
                yield from places_in_unknown(child)


def line_by_line(case: Case) -> int:
    """Compare with the decode; how many fields both know."""
    parsed = oracle.TABLES[case.signature].parse(case.raw)
    assert parsed.broken is None, case.decode.name
    mine = oracle.ours(case.signature, parsed)
    unknown = list(places_in_unknown(parsed.table))
    equal = 0
    for place, (name, value) in oracle.theirs(case.decode):
        where = f"{case.decode.name}: {name} at {place[0]}"
        if place not in mine:
            kept = any(place[0] in bytes_ for bytes_ in unknown)
            assert kept or name in BEYOND or name in UNNAMED, where
            continue
        ours = mine[place]
        assert ours.name.partition(".")[2] in IASL[name].split(), where
        assert oracle.same(ours.value, value), f"{where}: {value!r} is {ours.value!r} to us"
        equal += 1
    return equal


def test_every_field_that_iasl_prints_is_the_field_that_we_read() -> None:
    known = [case for case in CASES if case.signature in oracle.TABLES]
    compared = [line_by_line(case) for case in known]
    print(f"{sum(compared)} printed fields of {len(compared)} tables are equal")
    assert all(compared)
    assert len(own()) == len(list(OURS.glob("*.dsl")))
    assert sum(compared[: len(own())]) > 600


def by_offset(table: object, found: dict[tuple[str, int], object]) -> dict[tuple[str, int], object]:
    """Every structure of a table by what list it is in and where it stands."""
    lists = ("units", "scopes", "entries", "blocks", "nodes", "mappings", "allocations")
    for nested in lists:
        for child in getattr(table, nested, ()):
            kind = "mappings" if nested == "mappings" else "structures"
            found[kind, child.offset] = child
            by_offset(child, found)
    return found


def flag(value: object, key: str) -> bool:
    """A bit that an oracle names, out of our field of flags."""
    field, bit = FLAGS[key]
    return bool(getattr(value, field) & bit)


def attribute(value: object, key: str) -> object:
    """Ours for one key of an oracle, wherever we keep it."""
    if isinstance(value, Unknown):
        known = {"type": value.type, "offset": value.offset, "length": len(value.raw)}
        # The four bytes that every device entry begins with.
        known["device_id"] = int.from_bytes(value.raw[1:3], "little")
        known["data"] = value.raw[3]
        return known[key]
    if key in FLAGS:
        return flag(value, key)
    name = key if hasattr(value, key) else KEYS.get(key, key)
    if isinstance(value, iort.Node) and not hasattr(value, name):
        value = value.body
    found = getattr(value, name)
    return found if key != "path" else [list(hop) for hop in found]


class Compared:
    """Counts what was equal, and stops at what is not."""

    def __init__(self, case: Case, table: object) -> None:
        self.where = case.decode.name
        self.structures = by_offset(table, {})
        self.count = 0

    def equal(self, key: str, mine: object, other: object) -> None:
        if mine is None and key == "memory_size_limit":
            return  # BEYOND
        if other is None:
            assert mine in ("", None) or key == "identifier", f"{self.where}: {key}"
            return
        assert mine == other, f"{self.where}: {key} is {other!r}, and to us {mine!r}"
        self.count += 1

    def facts(self, value: object, facts: dict, signature: str) -> None:
        """One structure of an oracle and the lists inside it."""
        for key, other in facts.items():
            if key in WORDS:
                continue
            if key == "fields":
                self.printed(value, other)
            elif key in ("scopes", "entries", "mappings"):
                kind = "mappings" if key == "mappings" else "structures"
                assert len(getattr(value, key)) == len(other), self.where
                for inner in other:
                    self.facts(self.structures[kind, inner["offset"]], inner, signature)
            else:
                mine = attribute(value, key)
                self.equal(
                    key, list(mine) if isinstance(other, list) and key != "path" else mine, other
                )

    def printed(self, value: object, fields: dict) -> None:
        """Fields that the oracle calls as iasl does; a "/" names a bit of one."""
        # An oracle of a RIMT has the mapping's fields among those of its node.
        parts = (value, *getattr(value, "mappings", ()))
        for name, other in fields.items():
            if isinstance(value, Unknown) or "/" in name or name in BEYOND:
                continue
            names = IASL.get(name, "").split()
            if name == "Length":  # of a redistributor's range: the structure has one of its own
                names = ["range_length"]
            found = [getattr(part, n) for part in parts for n in names if hasattr(part, n)]
            assert other in (*found, found), f"{self.where}: {name}"
            self.count += 1


def summary(case: Case, table: object) -> dict[str, object]:
    """What an oracle says about a table as a whole, from our values."""
    if case.signature == "APIC":

        def of(kind: int) -> list:
            return [entry for entry in table.entries if entry.type == kind]

        types = {entry.type for entry in table.entries}
        return {
            "counts_by_type": {str(kind): len(of(kind)) for kind in types},
            "ioapics": [
                {"id": e.io_apic_id, "address": e.address, "gsi_base": e.gsi_base} for e in of(1)
            ],
            "gicd": [{"base": e.base, "version": e.version} for e in of(0xC)],
            "gic_msi_frames": [
                {
                    "id": e.frame_id,
                    "base": e.base,
                    "flags": e.flags,
                    "spi_count": e.spi_count,
                    "spi_base": e.spi_base,
                }
                for e in of(0xD)
            ],
            "gic_its": [{"id": e.translation_id, "base": e.base} for e in of(0xF)],
        }
    if case.signature == "IVRS":
        entries = [e for block in table.blocks for e in getattr(block, "entries", ())]
        return {"special_ioapics": [e.handle for e in entries if e.type == 0x48 and e.variety == 1]}
    return {}


def fact_by_fact(case: Case) -> int:
    """Compare with the facts; how many are equal."""
    head = sdt.header(case.raw)
    compared = Compared(case, None)
    for key, other in case.facts["header"].items():
        compared.equal(key, getattr(head, key), other)
    compared.equal("checksum", head.checksum_ok, case.facts["file"]["byte_sum_mod_256"] == 0)
    if case.signature not in oracle.TABLES:
        return compared.count
    table = oracle.TABLES[case.signature].parse(case.raw).table
    compared.structures = by_offset(table, {})
    whole = summary(case, table)
    for key, other in case.facts[case.signature].items():
        if key in ("subtables", "nodes", "blocks", "allocations"):
            for facts in other:
                compared.facts(compared.structures["structures", facts["offset"]], facts, key)
        else:
            mine = whole[key] if key in whole else attribute(table, key)
            # One IO-APIC may stand in an IOMMU's 10h, 11h and 40h.
            unique = sorted if key == "special_ioapics" else lambda value: value
            compared.equal(key, unique(mine), unique(other))
    return compared.count


def test_every_fact_that_is_known_of_a_table_is_ours() -> None:
    cases = [case for case in CASES if case.facts]
    compared = [fact_by_fact(case) for case in cases]
    print(f"{sum(compared)} facts of {len(compared)} tables are equal")
    index = SHARED / "index.json"
    beside = len(json.loads(index.read_text())) if index.exists() else 0
    assert len(compared) == len(FACTS) + beside
    assert all(compared)
    assert sum(compared[: len(FACTS)]) > 400


def written(source: Path) -> Iterator[tuple[oracle.Place, oracle.Value]]:
    """Every field of a source, by its place: each line says its size."""
    offset = 0
    for line in source.read_text().splitlines():
        if line.startswith("[") and "[IORT" not in line:
            size = int(line[1:5])
            yield (offset, size), oracle.value(line.partition(" : ")[2].strip())
            offset += size


@pytest.mark.parametrize("case", own(), ids=lambda case: case.decode.stem)
def test_the_source_of_a_table_says_what_the_table_says(case: Case) -> None:
    parsed = oracle.TABLES[case.signature].parse(case.raw)
    mine = oracle.ours(case.signature, parsed)
    unknown = list(places_in_unknown(parsed.table))
    # iasl fills in the length, the checksum and its own version.
    filled = {4, 9, 32}
    compared = 0
    for place, value in written(case.decode.with_suffix(".dsl")):
        if place in mine and place[0] not in filled:
            assert oracle.same(mine[place].value, value), mine[place].name
            compared += 1
        else:
            kept = any(place[0] in bytes_ for bytes_ in unknown)
            assert kept or place[0] in filled or (value, place[1]) == (0, 8), place
    assert compared >= 9
