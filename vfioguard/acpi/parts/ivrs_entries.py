"""The device entries of an IVHD (AMD 48882 5.2.2.2 to 5.2.2.8, tables 95 to 103)."""

from typing import NamedTuple, TypeAlias

from vfioguard.acpi.structure.layout import (
    U8,
    U16,
    U32,
    Layout,
    TableReader,
    Text8,
    Unknown,
    text,
)


class Entry(NamedTuple):
    """Four bytes. Types: 0 padding, 1 all devices, 2 one device, 3 and 4 a range's two ends."""

    offset: int
    type: U8
    device_id: U16
    data: U8


class Alias(NamedTuple):
    """Types 42h (one device) and 43h (the first of a range): requests carry another device's id."""

    offset: int
    type: U8
    device_id: U16
    data: U8
    reserved: U8
    source_device_id: U16
    reserved2: U8


class Extended(NamedTuple):
    """Types 46h (one device) and 47h (the first of a range), with more settings."""

    offset: int
    type: U8
    device_id: U16
    data: U8
    extended: U32


class Special(NamedTuple):
    """Type 48h: an IO-APIC (variety 1) or HPET (variety 2), and the id that its requests carry."""

    offset: int
    type: U8
    device_id: U16
    data: U8
    handle: U8  # an IO-APIC's id in the MADT
    source_device_id: U16
    variety: U8


class AcpiHid(NamedTuple):
    """Type F0h: a device that only ACPI names."""

    offset: int
    type: U8
    device_id: U16
    data: U8
    hid: Text8
    cid: Text8
    uid_format: U8  # 0 none, 1 integer, 2 string
    uid_length: U8
    uid: str | int | None


DeviceEntry: TypeAlias = Entry | Alias | Extended | Special | AcpiHid | Unknown

_ENTRY = Layout(Entry)
_ALIAS = Layout(Alias)
_EXTENDED = Layout(Extended)
_SPECIAL = Layout(Special)
_ACPI_HID = Layout(AcpiHid)


def _length(reader: TableReader, kind: int, start: int, stop: int) -> int:
    """The bytes of the entry at `start`; 0 if they are not known.

    The top two bits of the type give the length, except for types from F0h on.
    drivers/iommu/amd/init.c ivhd_entry_length() knows 4, 8 and F0h.
    """
    if kind < 0xF0:
        return 4 << (kind >> 6)
    if kind == 0xF0 and start + _ACPI_HID.size <= stop:
        return _ACPI_HID.size + reader.data[start + _ACPI_HID.size - 1]
    return 0


def _uid(raw: bytes, kind: int) -> str | int | None:
    match kind:
        case 1:
            return int.from_bytes(raw, "little")
        case 2:
            return text(raw)
        case _:
            return None


def _entry(reader: TableReader, kind: int, start: int, end: int) -> DeviceEntry:
    if kind < 0x40:
        return reader.structure(_ENTRY, kind, start, end)
    match kind:
        case 0x42 | 0x43:
            return reader.structure(_ALIAS, kind, start, end)
        case 0x46 | 0x47:
            return reader.structure(_EXTENDED, kind, start, end)
        case 0x48:
            return reader.structure(_SPECIAL, kind, start, end)
        case 0xF0:
            uid = _uid(reader.data[start + _ACPI_HID.size : end], reader.data[start + 20])
            return reader.structure(_ACPI_HID, kind, start, end, uid)
        case _:
            return reader.unknown(kind, start, end)


def device_entries(reader: TableReader, start: int, stop: int) -> tuple[DeviceEntry, ...]:
    """The entries that fill an IVHD from `start` to `stop`."""
    entries: list[DeviceEntry] = []
    while start < stop and reader.spend(start):
        kind = reader.data[start]
        length = _length(reader, kind, start, stop)
        end = start + length
        if not length or end > stop:
            reader.note(start, f"a device entry of type {kind:#x} does not end in its IVHD")
            # The entry's end is not known: one Unknown keeps all bytes that are left.
            entries.append(reader.unknown(kind, start, stop))
            break
        entries.append(_entry(reader, kind, start, end))
        start = end
    return tuple(entries)
