"""Archives that nobody should send, written by hand because tarfile would refuse."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from collections.abc import Callable

BLOCK = 512
END = bytes(2 * BLOCK)


def header(
    name: bytes,
    *,
    kind: bytes = b"0",
    size: int | bytes = 0,
    link: bytes = b"",
    mode: bytes = b"0000644",
) -> bytes:
    """One ustar header with the right checksum."""
    length = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(BLOCK)
    for offset, field in (
        (0, name),
        (100, mode),
        (108, b"0000000\x000000000\x00"),
        (124, length),
        (136, b"00000000000\0"),
        (148, b" " * 8),
        (156, kind),
        (157, link),
        (257, b"ustar\x0000"),
    ):
        block[offset : offset + len(field)] = field
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def file(name: bytes, content: bytes = b"x\n") -> bytes:
    """A header and its padded content."""
    return header(name, size=len(content)) + padded(content)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """A pax header with these records as they are."""
    return header(b"pax", kind=kind, size=len(records)) + padded(records)


def record(key: bytes, value: bytes) -> bytes:
    """One pax record; its length counts its own digits."""
    length = len(key) + len(value) + 3
    while length != len(b"%d %s=%s\n" % (length, key, value)):
        length = len(b"%d %s=%s\n" % (length, key, value))
    return b"%d %s=%s\n" % (length, key, value)


def written(add: Callable[[tarfile.TarFile], None], form: int = tarfile.PAX_FORMAT) -> bytes:
    """The archive that tarfile itself writes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        add(archive)
    return buffer.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": lambda plain: gzip.compress(plain, mtime=0),
    ".tar.xz": lzma.compress,
}
