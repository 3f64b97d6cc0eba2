"""Two views of one table side by side: what `iasl -d` printed, and what our layouts read.

iasl prints "[024h 0036 001h]   Host Address Width : 26" for every field it knows. Ours are the
fields of every value, found through the widths in their annotations. Both are keyed by offset and
size, so that nothing but a place in the table decides which field belongs to which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from vfioguard.acpi import Parsed, dmar, iort, ivrs, madt, mcfg, rimt, viot
from vfioguard.acpi.parts import iort_bodies
from vfioguard.acpi.parts.ivrs_entries import AcpiHid
from vfioguard.acpi.structure import sdt

TABLES = {
    "APIC": madt.TABLE,
    "DMAR": dmar.TABLE,
    "IORT": iort.TABLE,
    "IVRS": ivrs.TABLE,
    "MCFG": mcfg.TABLE,
    "RIMT": rimt.TABLE,
    "VIOT": viot.TABLE,
}
FIXED = {
    "APIC": madt.Fixed,
    "DMAR": dmar.Fixed,
    "IORT": iort.Fixed,
    "IVRS": ivrs.Fixed,
    "MCFG": mcfg.Fixed,
    "RIMT": rimt.Fixed,
    "VIOT": viot.Fixed,
}
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8}

Value: TypeAlias = int | str | bytes
Place: TypeAlias = tuple[int, int]


class Named(NamedTuple):
    name: str
    value: Value


def sized(kind: type, value: object, offset: int) -> Iterator[tuple[Place, Named]]:
    """The fields of one value, by the widths that its class declares."""
    for name, hint in kind.__annotations__.items():
        for code in getattr(hint, "__metadata__", ())[:1]:
            size = SIZES.get(code) or int(code[:-1])
            found = getattr(value, name)
            if found is not None:
                yield (offset, size), Named(f"{kind.__name__}.{name}", found)
            offset += size


def numbers(name: str, offset: int, size: int, values: tuple) -> Iterator[tuple[Place, Named]]:
    """A list of plain numbers or of pairs that iasl prints as one number."""
    for index, value in enumerate(values):
        number = value if isinstance(value, int) else value[0] | value[1] << 32
        yield (offset + size * index, size), Named(name, number)


def structure(value, offset: int) -> Iterator[tuple[Place, Named]]:
    """The fields of one value and of all that it holds."""
    offset = getattr(value, "offset", offset)
    yield from sized(type(value), value, offset)
    for nested in ("units", "scopes", "entries", "blocks", "nodes", "mappings", "allocations"):
        for child in getattr(value, nested, ()):
            yield from structure(child, child.offset)
    match value:
        case dmar.Scope():
            for index, (device, function) in enumerate(value.path):
                place = (value.offset + 6 + 2 * index, 2)
                yield place, Named("Scope.path", f"{device:02X},{function:02X}")
        case dmar.Andd():
            yield (value.offset + 8, len(value.name) + 1), Named("Andd.name", value.name)
        case ivrs.Ivhd() if value.efr is not None:
            yield (value.offset + 24, 8), Named("Ivhd.efr", value.efr)
            yield (value.offset + 32, 8), Named("Ivhd.efr2", value.efr2)
        case AcpiHid() if value.uid is not None:
            yield (value.offset + 22, value.uid_length), Named("AcpiHid.uid", value.uid)
        case iort.Node():
            yield from body(value, value.body, value.offset)
        case _:
            pass


def body(node: iort.Node, what: iort.Body, offset: int) -> Iterator[tuple[Place, Named]]:
    yield from sized(type(what), what, offset + 16)
    match what:
        case iort_bodies.ItsGroup():
            yield from numbers("ItsGroup.its_ids", offset + 20, 4, what.its_ids)
        case iort_bodies.NamedComponent(name=name):
            yield (offset + 29, len(name) + 1), Named("NamedComponent.name", name)
        case iort_bodies.Iwb(name=name):
            yield (offset + 26, len(name) + 1), Named("Iwb.name", name)
        case iort_bodies.Smmu():
            words = tuple(word for pair in what.global_interrupts for word in pair)
            start = offset + what.global_interrupt_offset
            yield from numbers("Smmu.global_interrupts", start, 4, words)
            start = offset + what.context_interrupt_offset
            yield from numbers("Smmu.context_interrupts", start, 8, what.context_interrupts)
            start = offset + what.pmu_interrupt_offset
            yield from numbers("Smmu.pmu_interrupts", start, 8, what.pmu_interrupts)
        case iort_bodies.Rmr():
            for index, memory in enumerate(what.ranges):
                place = offset + what.range_offset + 20 * index
                yield from sized(iort_bodies.MemoryRange, memory, place)
        case _:
            pass


def ours(signature: str, parsed: Parsed) -> dict[Place, Named]:
    """Every field that we read, by its place."""
    table = parsed.table
    found = dict(sized(sdt.Fields, table.header, 0))
    found.update(sized(FIXED[signature], table, 36))
    found.update(structure(table, 0))
    return found


LINE = re.compile(r"\[\w+h (\d+)\s+(\w+)h\]\s+(.*?) : (.*)")


def theirs(decode: Path) -> Iterator[tuple[Place, Named]]:
    """Every field that iasl printed, by its place."""
    for line in decode.read_text(errors="replace").splitlines():
        found = LINE.match(line)
        if found and "[IORT Memory" not in found[4]:
            name = found[3].removesuffix(" (decoded below)").strip()
            yield (int(found[1]), int(found[2], 16)), Named(name, value(found[4].strip()))


def value(shown: str) -> Value:
    """A number, the text in quotes, or bytes."""
    if shown.startswith('"'):
        return shown[1 : shown.index('"', 1)]
    first = re.split(r" \[| */\*", shown)[0]
    if re.fullmatch(r"[0-9A-F]+", first):
        return int(first, 16)
    if re.fullmatch(r"[0-9A-F]{2}( [0-9A-F]{2})+", first):
        return bytes.fromhex(first)
    return first


def same(mine: Value, other: Value) -> bool:
    """Whether both say the same: reserved bytes may be printed as one number."""
    if isinstance(mine, bytes) and isinstance(other, int):
        return int.from_bytes(mine, "little") == other
    if isinstance(mine, str) and isinstance(other, int):
        return mine == "" and other == 0
    return mine == other
