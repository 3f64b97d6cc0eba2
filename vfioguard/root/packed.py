"""Unpack .gz and .xz in small pieces, with bounds on the size and on memory.

lzma.open() has no such bound: it allocates a dictionary of 4 GiB if a header asks for it.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable

from vfioguard.typed import BinaryIO, Protocol

_CHUNK = 256 << 10
#: Bytes of memory for lzma; xz -9 needs 65 MiB.
_MAX_DICTIONARY = 66 << 20
#: Compressed streams in one file. pigz and pixz write one; joining files by `cat` makes a few.
MAX_STREAMS = 1000
_XZ, _GZIP = b"\xfd7zXZ\x00", b"\x1f\x8b"


class TooLarge(Exception):
    """The file unpacks to more bytes than the limit."""


class TooManyStreams(Exception):
    """The file consists of more compressed streams than MAX_STREAMS; all may be empty."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Plain:
    """Bytes without compression."""

    eof = False
    unused_data = b""

    def decompress(self, data: bytes, _max_length: int, /) -> bytes:
        return data


class _Gzip:
    """zlib's object, fed with the bytes that it did not consume; lzma's feeds itself."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MAX_DICTIONARY)


class Unpacked:
    """The unpacked bytes of a file, at most `limit` of them.

    `read` raises EOFError if the file was cut, TooLarge, TooManyStreams, lzma.LZMAError and
    zlib.error.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._room = limit
        self._buffer = b""
        self._done = 0  # bytes of the buffer that were read; cutting them off would copy the rest
        self._streams = 0
        self._ahead = file.read(_CHUNK)
        self._kind = _kind(self._ahead)
        self._inner = self._kind()

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end."""
        end = self._done + size
        if end <= len(self._buffer):
            data = self._buffer[self._done : end]
            self._done = end
            return data
        parts = [self._buffer[self._done :]]
        have = len(parts[0])
        while have < size and (data := self._more()):
            parts.append(data)
            have += len(data)
        self._buffer = b"".join(parts)
        self._done = min(size, have)
        return self._buffer[:size]

    def _more(self) -> bytes:
        """The next piece; b"" at the end."""
        while not self._inner.eof or self._next_stream():
            data = self._inner.decompress(self._ahead, _CHUNK)
            self._ahead = b""
            if data:
                self._room -= len(data)
                if self._room < 0:
                    raise TooLarge
                return data
            if not self._inner.eof:
                self._ahead = self._file.read(_CHUNK)
                if not self._ahead:
                    return self._end()
        return b""

    def _next_stream(self) -> bool:
        """Go to the next compressed stream in the file, over zeros. Returns False at the end."""
        rest = self._inner.unused_data.lstrip(b"\0")
        while not rest:
            chunk = self._file.read(_CHUNK)
            if not chunk:
                return False
            rest = chunk.lstrip(b"\0")
        self._streams += 1
        if self._streams > MAX_STREAMS:
            raise TooManyStreams
        self._ahead = rest
        self._inner = self._kind()
        return True

    def _end(self) -> bytes:
        if self._kind is not _Plain:
            raise EOFError("the compressed data ends early")
        return b""


def _kind(head: bytes) -> Callable[[], _Decompressor]:
    if head.startswith(_XZ):
        return _xz
    return _Gzip if head.startswith(_GZIP) else _Plain
