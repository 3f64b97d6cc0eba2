"""The header that every table begins with (ACPI 6.5 5.2.6, table 5.4)."""

from typing import NamedTuple

from vfioguard.acpi.structure.layout import (
    U8,
    U32,
    BadTable,
    Layout,
    TableReader,
    Text4,
    Text6,
    Text8,
)


class Fields(NamedTuple):
    """The bytes of the header."""

    signature: Text4
    length: U32  # of the whole table, this header included
    revision: U8
    checksum: U8
    oem_id: Text6
    oem_table_id: Text8
    oem_revision: U32
    creator_id: Text4
    creator_revision: U32


class Header(NamedTuple):
    """The header, with two values that are computed.

    `checksum_ok`: whether the bytes of the table sum to 0. A wrong checksum is not a break: the
    kernel warns and goes on, and vendors ship such tables. `trailing`: bytes after the table.
    """

    signature: str
    length: int
    revision: int
    checksum: int
    oem_id: str
    oem_table_id: str
    oem_revision: int
    creator_id: str
    creator_revision: int
    checksum_ok: bool
    trailing: int


FIELDS = Layout(Fields)
SIZE = FIELDS.size


def header(data: bytes) -> Header:
    """The header of a table. Raises BadTable if there are fewer than 36 bytes."""
    if len(data) < SIZE:
        raise BadTable(0, f"a header has {SIZE} bytes, and {len(data)} are there")
    fields = FIELDS.read(data, 0, len(data))
    body = data[: fields.length] if fields.length < len(data) else data
    return Header(
        signature=fields.signature,
        length=fields.length,
        revision=fields.revision,
        checksum=fields.checksum,
        oem_id=fields.oem_id,
        oem_table_id=fields.oem_table_id,
        oem_revision=fields.oem_revision,
        creator_id=fields.creator_id,
        creator_revision=fields.creator_revision,
        checksum_ok=sum(body) & 0xFF == 0,
        trailing=max(len(data) - fields.length, 0),
    )


def begin(data: bytes, head: Header, signature: str, least: int) -> TableReader:
    """A reader of the part after the header, which has `least` bytes at least, header included.

    Raises BadTable if `data` is another table or too short.
    """
    if head.signature != signature:
        raise BadTable(0, f"the signature is {head.signature!r}, not {signature!r}")
    end = min(head.length, len(data))
    if end < least:
        raise BadTable(end, f"{signature} has {least} bytes at least")
    reader = TableReader(data, end)
    if head.length > len(data):
        reader.note(end, f"the header says {head.length} bytes, {end} are there")
    return reader
