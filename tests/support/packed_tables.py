"""Firmware tables packed by hand, with no more than a test needs."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

#: (type, enumeration id, start bus, path)
Scope = tuple[int, int, int, Sequence[tuple[int, int]]]


def table(signature: bytes, body: bytes) -> bytes:
    """A table: `body` behind a header with the right length and checksum."""
    ids = b"OURSPCOURTABLE" + pack("<I4sI", 1, b"TEST", 1)
    raw = bytearray(signature + pack("<IBB", 36 + len(body), 1, 0) + ids + body)
    raw[9] = -sum(raw) & 0xFF
    return bytes(raw)


def madt(*numbers: int, address: int = 0xFEC00000) -> bytes:
    """A MADT with these IO-APICs, each with an address of its own and 24 pins, and one processor.

    `address` is that of the first IO-APIC.
    """
    return madt_of(
        *(
            io_apic(number, address + 0x1000 * index if address else 0, 24 * index)
            for index, number in enumerate(numbers)
        )
    )


def madt_of(*io_apics: bytes) -> bytes:
    """A MADT with these entries and one processor."""
    processor = pack("<BBBBI", 0, 8, 0, 0, 1)
    return table(b"APIC", pack("<II", 0xFEE00000, 1) + processor + b"".join(io_apics))


def io_apic(number: int, address: int, gsi_base: int) -> bytes:
    """An IO-APIC's entry of a MADT."""
    return pack("<BBBBII", 1, 12, number, 0, address, gsi_base)


def scope(kind: int, number: int, bus: int, path: Sequence[tuple[int, int]]) -> bytes:
    hops = b"".join(pack("<BB", *hop) for hop in path)
    return pack("<BBBBBB", kind, 6 + len(hops), 0, 0, number, bus) + hops


def drhd(base: int, *scopes: Scope, flags: int = 0, segment: int = 0) -> bytes:
    body = b"".join(scope(*device) for device in scopes)
    return pack("<HHBBHQ", 0, 16 + len(body), flags, 0, segment, base) + body


def rmrr(base: int, limit: int, *scopes: Scope, segment: int = 0) -> bytes:
    body = b"".join(scope(*device) for device in scopes)
    return pack("<HHHHQQ", 1, 24 + len(body), 0, segment, base, limit) + body


def dmar(*units: bytes, flags: int = 1, width: int = 38) -> bytes:
    return table(b"DMAR", pack("<BB10s", width, flags, b"") + b"".join(units))


def io_apic_scope(number: int) -> Scope:
    return 3, number, 0xF0, ((0x1F, 7),)


def special(number: int, place: int, variety: int = 1) -> bytes:
    """The entry of an IVHD for an IO-APIC (variety 1) or HPET (2); `place` is its requester id."""
    return pack("<BHBBHB", 0x48, 0, 0, number, place, variety)


def ivhd(*entries: bytes, kind: int = 0x10, device: int = 2) -> bytes:
    body = b"".join(entries)
    if kind != 0x10:
        body = bytes(16) + body
    head = pack("<BBHHHQHHI", kind, 0, 24 + len(body), device, 0x40, 0xFEB80000, 0, 0, 0)
    return head + body


def ivmd(
    device: int,
    start: int,
    length: int,
    kind: int = 0x21,
    flags: int = 8,
    last: int = 0,
    segment: int = 0,
) -> bytes:
    return pack("<BBHHHHHIQQ", kind, flags, 32, device, last, segment, 0, 0, start, length)


def hid(name: bytes, device: int) -> bytes:
    """The entry for a device that only ACPI names; only an IVHD of type 40h may have it."""
    return pack("<BHB8s8sBB", 0xF0, device, 0, name, b"", 0, 0)


def ivrs(*blocks: bytes) -> bytes:
    return table(b"IVRS", pack("<I8s", 0, b"") + b"".join(blocks))
