"""Edits of a machine's ACPI tables, which the kernel takes from the initrd instead of firmware's.

The kernel takes a table of the same signature with a higher OEM revision. It looks in the first
archive of the initrd, which must not be compressed. Source: Linux
Documentation/admin-guide/acpi/initrd_table_override.rst.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping

from lab import cpio
from lab.say import Failed

_HEADER = 36
#: Memory of q35 that is reserved anyway, as the DMAR's regions have to be.
_KEPT = 0xBFFF0000
Table = tuple[str, bytes]


def override(tables: Mapping[str, bytes], edits: tuple[str, ...]) -> bytes:
    """The archive for the front of the initrd: the tables that these edits changed.

    Raises Failed if the machine lacks a table.
    """
    changed = dict(tables)
    for edit in edits:
        name, table = EDITS[edit](changed)
        changed[name] = _sealed(table)
    return cpio.pack(
        {
            f"kernel/firmware/acpi/{name.lower()}.aml": cpio.File(table)
            for name, table in changed.items()
            if table != tables.get(name)
        }
    )


def _sealed(table: bytes) -> bytes:
    """A table with its length, a higher OEM revision and the checksum put right."""
    data = bytearray(table)
    (revision,) = struct.unpack_from("<I", data, 24)
    struct.pack_into("<I", data, 4, len(data))
    struct.pack_into("<I", data, 24, revision + 1)
    data[9] = 0
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def _table(tables: Mapping[str, bytes], name: str) -> bytes:
    if name not in tables:
        raise Failed(f"the machine has no ACPI table {name} to edit")
    return tables[name]


# ---- Intel: DMAR (Intel VT-d Architecture Specification, chapter 8)


def _scope(kind: int, *path: tuple[int, int]) -> bytes:
    """A device scope by its way from bus 0: (device, function) of each step."""
    return struct.pack("<BBHBB", kind, 6 + 2 * len(path), 0, 0, 0) + bytes(sum(path, ()))


def _rmrr(base: int, *scopes: bytes) -> bytes:
    """Memory that firmware keeps for devices: 64 KiB."""
    body = struct.pack("<HHQQ", 0, 0, base, base + 0xFFFF) + b"".join(scopes)
    return struct.pack("<HH", 1, 4 + len(body)) + body


def dmar_with_rmrr(tables: Mapping[str, bytes]) -> Table:
    """RMRRs for 01:00.0, 00:09.0, 00:0a.0, 04:01.0 behind a bridge, and the port 00:16.0."""
    endpoint, bridge = 1, 2
    scopes = (
        _scope(endpoint, (0x11, 0), (0, 0)), _scope(endpoint, (9, 0)), _scope(endpoint, (0xA, 0)),
        _scope(endpoint, (0x13, 0), (0, 0), (1, 0)), _scope(bridge, (0x16, 0)),
    )  # fmt: skip
    return "DMAR", _table(tables, "DMAR") + b"".join(_rmrr(_KEPT, scope) for scope in scopes)


# ---- AMD: IVRS (AMD I/O Virtualization Technology Specification, chapter 5)


def _ivmd(kind: int, flags: int, device: int, last: int = 0) -> bytes:
    return struct.pack("<BBHHHQQQ", kind, flags, 32, device, last, 0, _KEPT, 0x10000)


def ivrs_with_ivmd(tables: Mapping[str, bytes]) -> Table:
    """Unity maps for 00:0a.0 and for 00:08.0 to 00:09.7, and an exclusion range for 00:0d.0."""
    unity, exclusion = 0b111, 0b1000
    blocks = (
        _ivmd(0x21, unity, 0x50),
        _ivmd(0x22, unity, 0x40, 0x4F),
        _ivmd(0x21, exclusion, 0x68),
    )
    return "IVRS", _table(tables, "IVRS") + b"".join(blocks)


def ivrs_ioapic_at_0b(tables: Mapping[str, bytes]) -> Table:
    """The IO-APIC of the special device entry (type 0x48) is at 00:0b.0 instead of 00:14.0."""
    entry = re.compile(rb"\x48\0\0(..)\xa0\0\x01", re.DOTALL)
    table, count = entry.subn(
        lambda match: b"\x48\0\0" + match[1] + b"\x58\0\1", _table(tables, "IVRS")
    )
    if not count:
        raise Failed("the machine's IVRS names no IO-APIC at 00:14.0")
    return "IVRS", table


# ---- Arm: MADT (ACPI 6.5, 5.2.12) and IORT (Arm DEN 0049)


def _entries(table: bytes, first: int) -> Iterator[tuple[int, bytes]]:
    """(type, entry) of a MADT."""
    offset = first
    while offset < len(table):
        yield table[offset], table[offset : offset + table[offset + 1]]
        offset += table[offset + 1]


_ITS = 0x0F


def madt_without_its(tables: Mapping[str, bytes]) -> Table:
    """No ITS, while the IORT still names one."""
    table = _table(tables, "APIC")
    kept = [entry for kind, entry in _entries(table, _HEADER + 8) if kind != _ITS]
    return "APIC", table[: _HEADER + 8] + b"".join(kept)


def madt_its_elsewhere(tables: Mapping[str, bytes]) -> Table:
    """The ITS is at the second flash: memory that can be read, and is no ITS."""
    table = _table(tables, "APIC")
    parts = [
        entry[:8] + struct.pack("<Q", 0x4000000) + entry[16:] if kind == _ITS else entry
        for kind, entry in _entries(table, _HEADER + 8)
    ]
    return "APIC", table[: _HEADER + 8] + b"".join(parts)


def iort_not_coherent(tables: Mapping[str, bytes]) -> Table:
    """The SMMUv3 without COHACC: its walks of tables do not snoop."""
    table = bytearray(_table(tables, "IORT"))
    count, offset = struct.unpack_from("<2I", table, _HEADER)
    for _ in range(count):
        kind, length = struct.unpack_from("<BH", table, offset)
        if kind == 4:  # SMMUv3: 16 bytes of node header, the base address, flags
            table[offset + 24] &= ~1
        offset += length
    return "IORT", bytes(table)


EDITS: dict[str, Callable[[Mapping[str, bytes]], Table]] = {
    edit.__name__: edit
    for edit in (
        dmar_with_rmrr, ivrs_with_ivmd, ivrs_ioapic_at_0b, madt_without_its, madt_its_elsewhere,
        iort_not_coherent,
    )
}  # fmt: skip
