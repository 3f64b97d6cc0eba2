"""Our own tables, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.acpi.oracle import TABLES
from vfioguard.acpi import Parsed

FIXTURES = Path(__file__).parent.parent / "fixtures/acpi"
SIGNATURES = {"dmar": "DMAR", "iort": "IORT", "ivrs": "IVRS", "madt": "APIC"}
OWN: dict[str, bytes] = {path.stem: path.read_bytes() for path in sorted(FIXTURES.glob("*.aml"))}
#: Names of lists inside our values.
LISTS = (
    "units", "scopes", "path", "entries", "blocks", "nodes", "mappings", "allocations", "its_ids",
    "global_interrupts", "context_interrupts", "pmu_interrupts", "ranges", "wires",
)  # fmt: skip


def signature(name: str) -> str:
    """The signature of one of our tables by its file's name."""
    leaf = name.partition("-")[0]
    return SIGNATURES.get(leaf, leaf.upper())


def parse(raw: bytes, name: str) -> Parsed:
    """Parse it as the table that its name says it is."""
    return TABLES[signature(name)].parse(raw)


def sealed(raw: bytes) -> bytes:
    """With the length of what is there and the checksum that fits."""
    body = bytearray(raw)
    body[4:8] = len(body).to_bytes(4, "little")
    body[9] = 0
    body[9] = -sum(body) & 0xFF
    return bytes(body)


def put(raw: bytes, offset: int, value: int, size: int) -> bytes:
    """With one number changed."""
    return raw[:offset] + value.to_bytes(size, "little") + raw[offset + size :]


def pieces(value: object) -> Iterator[object]:
    """Everything that was made of a table."""
    bodies = (value.body,) if hasattr(value, "body") else ()
    for children in (*(getattr(value, name, ()) for name in LISTS), bodies):
        for child in children:
            yield child
            yield from pieces(child)
