"""A look at raw tables that spares most hosts the parsers.

It takes microseconds, while loading the parsers takes 15 ms. It decides nothing: if a table does
not look plain, inference/remapping/allowed.py decides.
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
    """Whether the DMAR allows remapping, and has every IO-APIC of the MADT in a scope."""
    if len(dmar) < _DMAR_UNITS or not dmar[37] & _INTR_REMAP:
        return False
    covered: set[int] = set()
    for begin, end in _walk(dmar, _DMAR_UNITS, "<HH"):
        if unpack_from("<H", dmar, begin)[0] == _DRHD:
            for scope, _ in _walk(dmar[:end], begin + _SCOPES, "<BB"):
                if dmar[scope] == _IO_APIC_SCOPE:
                    covered.add(dmar[scope + 4])
    return {number for number, _ in _io_apics(madt)} <= covered


def ivrs_is_plain(ivrs: bytes, madt: bytes) -> bool:
    """Whether the IVRS has every IO-APIC of the MADT, and the one of GSI 0 at 00:14.0."""
    places: dict[int, int] = {}
    for begin in range(_IVRS_BLOCKS, len(ivrs) - _SPECIAL_SIZE + 1, 4):
        if ivrs[begin] == _SPECIAL and ivrs[begin + 7] == _IO_APIC_VARIETY:
            places.setdefault(ivrs[begin + 4], unpack_from("<H", ivrs, begin + 5)[0])
    io_apics = list(_io_apics(madt))
    first = [number for number, gsi_base in io_apics if not gsi_base][:1]
    covered = all(number in places for number, _ in io_apics)
    return covered and [places.get(number) for number in first] == [_SOUTHBRIDGE]


def _io_apics(madt: bytes) -> Iterator[tuple[int, int]]:
    """The id and the first GSI of each IO-APIC."""
    for begin, end in _walk(madt, _MADT_ENTRIES, "<BB"):
        if madt[begin] == _IO_APIC and end - begin >= _IO_APIC_SIZE:
            yield madt[begin + 2], unpack_from("<I", madt, begin + 8)[0]


def _walk(table: bytes, begin: int, head: str) -> Iterator[tuple[int, int]]:
    """The begin and end of each structure; stops at nonsense.

    `head` is the format of the type and the length with which a structure begins.
    """
    least = 4 if head == "<HH" else 2
    while begin + least <= len(table):
        length = unpack_from(head, table, begin)[1]
        if length < least or begin + length > len(table):
            return
        yield begin, begin + length
        begin += length
