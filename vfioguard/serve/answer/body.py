"""Text that is served many times, kept deflated: a tenth of its size, and ready for gzip clients.

A body is made of pieces that were deflated by themselves, so that where one changes the others
stay as they are. Together they are one gzip member, as many clients stop after the first of several
(RFC 1951; RFC 1952 2.2).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

# Measured on 1.6 MB of metrics: level 1 costs a third of level 6 and gives 4 times the bytes of it,
# which is still a tenth of the plain text.
_LEVEL = 1
_RAW = -zlib.MAX_WBITS
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, any system
_END = b"\x03\0"  # a last block that is empty
#: Bytes that are handled at once.
PIECE = 64 << 10
#: The polynomial of CRC-32, reflected, and one (RFC 1952 8; zlib's crc32.c).
_POLYNOMIAL, _ONE = 0xEDB88320, 1 << 31


class Parts(NamedTuple):
    """Bytes on their way out: how many, and what they are, some tens of kilobytes at a time."""

    size: int
    parts: Iterable[bytes]


class Piece(NamedTuple):
    """Some text, deflated up to a byte boundary and without an end; its size and its CRC-32."""

    packed: bytes
    size: int
    crc: int


def piece(text: bytes) -> Piece:
    """Deflate a piece of at most some tens of kilobytes."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    packed = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)
    return Piece(packed, len(text), zlib.crc32(text))


def pieces(text: bytes) -> tuple[Piece, ...]:
    """A text of any size."""
    return tuple(piece(part) for part in cut(text).parts)


def cut(text: bytes) -> Parts:
    """Some bytes as what can be sent one after another."""
    return Parts(len(text), (text[at : at + PIECE] for at in range(0, len(text), PIECE)))


class Body:
    """What a client gets, whether it takes gzip or not. Nobody holds all of it as text.

    `tag` names these bytes, `packed` is how many are held. It lives while any of its `Parts` do.
    """

    __slots__ = ("__weakref__", "_crc", "packed", "pieces", "size", "tag")

    def __init__(self, parts: Iterable[Piece], tag: str = "") -> None:
        self.pieces = tuple(parts)
        self.size = sum(one.size for one in self.pieces)
        self.packed = sum(len(one.packed) for one in self.pieces)
        self.tag = tag
        self._crc: int | None = None

    def plain(self) -> Parts:
        """The text."""
        return Parts(self.size, self._plain())

    @property
    def is_checked(self) -> bool:
        """Whether `gzip` takes no time; before, `check` belongs into a thread."""
        return self._crc is not None

    def check(self) -> int:
        """The CRC-32 of the text, counted once. Two threads that ask at once count it twice."""
        if self._crc is None:
            crc = 0
            for one in self.pieces:
                crc = _times(_shift(one.size), crc) ^ one.crc
            self._crc = crc
        return self._crc

    def gzip(self) -> Parts:
        """One gzip member."""
        tail = self.check().to_bytes(4, "little") + (self.size & 0xFFFFFFFF).to_bytes(4, "little")
        return Parts(len(_HEAD) + self.packed + len(_END) + len(tail), self._gzip(tail))

    def _plain(self) -> Iterator[bytes]:
        for one in self.pieces:
            yield zlib.decompress(one.packed + _END, _RAW)

    def _gzip(self, tail: bytes) -> Iterator[bytes]:
        yield from _gathered([_HEAD, *[one.packed for one in self.pieces], _END + tail])


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same, in fewer parts."""
    some: list[bytes] = []
    size = 0
    for part in parts:
        if size + len(part) > PIECE and some:
            yield b"".join(some)
            some, size = [], 0
        some.append(part)
        size += len(part)
    yield b"".join(some)


def whole(text: bytes, tag: str = "") -> Body:
    """A text that comes and goes as one."""
    return Body(pieces(text), tag)


@lru_cache(maxsize=4096)
def _shift(size: int) -> int:
    """What `size` bytes behind it multiply a CRC with: x to the power of 8 `size`."""
    result = _ONE
    for bit in range(size.bit_length()):
        if size >> bit & 1:
            result = _times(_power(bit), result)
    return result


@lru_cache(maxsize=64)
def _power(bit: int) -> int:
    """X to the power of 8 times 2 to the `bit`."""
    return _times(_power(bit - 1), _power(bit - 1)) if bit else 1 << 23


def _times(one: int, other: int) -> int:
    """The product of two polynomials over GF(2) modulo CRC-32's, bits reflected."""
    product, bit = 0, _ONE
    while one:
        if one & bit:
            product ^= other
            one ^= bit
        bit >>= 1
        other = (other >> 1) ^ (_POLYNOMIAL if other & 1 else 0)
    return product
