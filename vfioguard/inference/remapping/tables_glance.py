"""A look at raw tables that spares most hosts the parsers.

It takes microseconds where to load the parsers takes 15 ms, and decides nothing: where a table does
not look plain, inference/remapping/allowed.py is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

# ACPI 6.5 5.2.12, VT-d 5.0 chapter 8, AMD IOMMU 3.09 section 5.
_MADT_ENTRIES, _IO_APIC, _IO_APIC_SIZE = 44, 1, 12
_DMAR_UNITS, _DRHD, _SCOPES, _IO_APIC_SCOPE = 48, 0, 16, 3
_INTR_REMAP = 1
_IVRS_BLOCKS, _SPECIAL, _SPECIAL_SIZE, _IO_APIC_VARIETY = 48, 0x48, 8, 1
_SOUTHBRIDGE = 0x14 << 3


def dmar_is_plain(dmar: bytes, madt: bytes) -> bool:
    """Whether a DMAR allows remapping, and has every IO-APIC of the MADT in a scope."""
    if len(dmar) < _DMAR_UNITS or not dmar[37] & _INTR_REMAP:
        return False
    found: set[int] = set()
    for at, end in _walk(dmar, _DMAR_UNITS, "<HH"):
        if unpack_from("<H", dmar, at)[0] == _DRHD:
            for scope, _ in _walk(dmar[:end], at + _SCOPES, "<BB"):
                if dmar[scope] == _IO_APIC_SCOPE:
                    found.add(dmar[scope + 4])
    return {number for number, _ in _io_apics(madt)} <= found


def ivrs_is_plain(ivrs: bytes, madt: bytes) -> bool:
    """Whether an IVRS has every IO-APIC of the MADT, and that of GSI 0 at 00:14.0."""
    found: dict[int, int] = {}
    for at in range(_IVRS_BLOCKS, len(ivrs) - _SPECIAL_SIZE + 1, 4):
        if ivrs[at] == _SPECIAL and ivrs[at + 7] == _IO_APIC_VARIETY:
            found.setdefault(ivrs[at + 4], unpack_from("<H", ivrs, at + 5)[0])
    io_apics = list(_io_apics(madt))
    first = [number for number, gsi_base in io_apics if not gsi_base][:1]
    covered = all(number in found for number, _ in io_apics)
    return covered and [found.get(number) for number in first] == [_SOUTHBRIDGE]


def _io_apics(madt: bytes) -> Iterator[tuple[int, int]]:
    """Id and first GSI."""
    for at, end in _walk(madt, _MADT_ENTRIES, "<BB"):
        if madt[at] == _IO_APIC and end - at >= _IO_APIC_SIZE:
            yield madt[at + 2], unpack_from("<I", madt, at + 8)[0]


def _walk(table: bytes, at: int, head: str) -> Iterator[tuple[int, int]]:
    """Begin and end of structures that begin with their type and length; stops at nonsense."""
    least = 4 if head == "<HH" else 2
    while at + least <= len(table):
        length = unpack_from(head, table, at)[1]
        if length < least or at + length > len(table):
            return
        yield at, at + length
        at += length
