"""A reader of tar archives from strangers: ustar, pax and GNU's long names.

The module tarfile does not do. It stops without an error at a header that it does not understand,
reads a sparse map or a long name of any size into memory, and takes 50 us a member. POSIX.1-2024,
pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

from vfioguard.typed import NamedTuple

BLOCK = 512
#: Bytes of a pax header or long name at most: more than any path and link (PATH_MAX).
_MAX_EXTENSION = 64 << 10
_MAX_RECORDS = 64
_ZERO = bytes(BLOCK)
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_REGULAR, _DIRECTORY, _SYMLINK = b"0", b"5", b"2"
_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([^=\n\0]+)=")


class BadTar(Exception):
    """The file is not a tar archive, or an unusual one; the message is one line."""


class TarMember(NamedTuple):
    """A member. `kind` is "file", "directory", "link" or "other".

    `content` is None if it is larger than the limit. `records` are those of its pax header.
    """

    name: str
    kind: str
    mode: int
    target: str
    content: bytes | None
    records: dict[str, str]


class _Header(NamedTuple):
    name: bytes
    mode: int
    size: int
    kind: bytes
    target: bytes


_KINDS = {_REGULAR: "file", b"\0": "file", b"7": "file", _DIRECTORY: "directory", _SYMLINK: "link"}


def members(read: Callable[[int], bytes], max_file: int) -> Iterator[TarMember]:
    """Every member up to the end mark. Raises BadTar.

    `read` returns as many bytes as its argument says, and fewer only at the end. The content of a
    member with more than `max_file` bytes is left out.
    """
    records: dict[str, str] = {}
    while (block := _exactly(read, BLOCK)) != _ZERO:
        header = _header(block)
        if header.kind in {_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK}:
            extension = _extension(header.kind, _small(read, header.size))
            records |= extension if header.kind != _PAX_GLOBAL else {}
            if len(records) > _MAX_RECORDS:
                raise BadTar("has a member with too many attributes")
            continue
        size = _size(records, header.size)
        content = _content(read, size, max_file)
        yield _member(header, records, content)
        records = {}
    if records:
        raise BadTar("ends behind the name of a member")
    while rest := read(1 << 20):
        if rest.strip(b"\0"):
            raise BadTar("goes on behind its end")


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = read(size)
    if len(data) < size:
        raise BadTar("is truncated")
    return data


def _header(block: bytes) -> _Header:
    if not _sound(block):
        raise BadTar("has a header whose checksum is wrong, or is no tar archive")
    name = _string(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = _string(block[345:500]) + b"/" + name
    return _Header(
        name=name,
        mode=_number(block[100:108]) & 0o7777,
        size=_number(block[124:136]),
        kind=block[156:157],
        target=_string(block[157:257]),
    )


def _sound(block: bytes) -> bool:
    """Whether the header's checksum is right: the sum in which its own field counts as blanks."""
    try:
        stated = _number(block[148:156])
    except BadTar:
        return False
    return stated == _sum(block) - sum(block[148:156]) + 8 * ord(" ")


def _sum(block: bytes) -> int:
    """The sum of the block's bytes: the lower half of Adler-32, exact for up to 256 bytes."""
    return (zlib.adler32(block[:256]) & 0xFFFF) + (zlib.adler32(block[256:]) & 0xFFFF) - 2


def _number(field: bytes) -> int:
    """A number in octal digits, or in GNU's binary form, whose first bit is set; never negative."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        if field[0] != 0x80 or value >> 62:
            raise BadTar("has a member of an impossible size")
        return value
    digits = field.rstrip(b"\0 ")  # the usual form
    if not digits.isdigit():
        digits = field.split(b"\0", 1)[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise BadTar("has a number that is not one")
    return int(digits or b"0", 8)


def _string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _small(read: Callable[[int], bytes], size: int) -> bytes:
    if size > _MAX_EXTENSION:
        raise BadTar("has a name longer than any path")
    return _exactly(read, _padded(size))[:size]


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _content(read: Callable[[int], bytes], size: int, max_file: int) -> bytes | None:
    if size <= max_file:
        return _exactly(read, _padded(size))[:size]
    todo = _padded(size)
    while todo:
        todo -= len(_exactly(read, min(todo, 1 << 20)))
    return None


def _extension(kind: bytes, data: bytes) -> dict[str, str]:
    """The records that apply to the next member, with pax's keywords."""
    if kind in {_LONG_NAME, _LONG_LINK}:
        return {"path" if kind == _LONG_NAME else "linkpath": _text(_string(data))}
    records: dict[str, str] = {}
    data = data.rstrip(b"\0")
    start = count = 0
    while start < len(data):
        match = _RECORD.match(data, start)
        end = start + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1] != ord("\n"):
            raise BadTar("has a malformed pax header")
        records[_text(match[2])] = _text(data[match.end() : end - 1])
        start = end
        count += 1
        if count > _MAX_RECORDS:
            raise BadTar("has a member with too many attributes")
    return records


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _size(records: dict[str, str], size: int) -> int:
    if not records:
        return size
    if any(key.startswith("GNU.sparse.") for key in records):
        raise BadTar("has a sparse member")
    stated = records.get("size")
    if stated is None:
        return size
    if not (stated.isascii() and stated.isdecimal() and len(stated) < 19):
        raise BadTar("has a member of an impossible size")
    return int(stated)


def _member(header: _Header, records: dict[str, str], content: bytes | None) -> TarMember:
    path, kind = records.get("path", _text(header.name)), header.kind
    if kind in {_REGULAR, b"\0"} and path.endswith("/"):
        kind = _DIRECTORY  # Unix V7 wrote directories so; a name that is cut may end so too
    return TarMember(
        name=path,
        kind=_KINDS.get(kind, "other"),
        mode=header.mode,
        target=records.get("linkpath", _text(header.target)),
        content=content,
        records=records,
    )
