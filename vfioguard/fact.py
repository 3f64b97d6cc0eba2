"""What was read from the host: a fact with its source, or a gap that says why there is none."""

import errno as _errno
import os
from collections.abc import Callable
from enum import StrEnum
from types import GenericAlias
from typing import Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Why(StrEnum):
    """Why a fact is missing."""

    ABSENT = "absent"  # the host has no such file
    DENIED = "denied"  # it is there, and we may not read it
    MALFORMED = "malformed"  # it was read, and is not what the kernel documents
    FAILED = "failed"  # the read itself failed: EIO, ENODEV, ELOOP ...


_ABSENT = frozenset({_errno.ENOENT, _errno.ENOTDIR})
_DENIED = frozenset({_errno.EACCES, _errno.EPERM})
#: The errno's name of a read that never returned and was given up (root/patience.py).
UNANSWERED = "ETIMEDOUT"


class Fact(NamedTuple, Generic[T_co]):
    """A parsed value, the bytes it was parsed from, and the path they came from."""

    value: T_co
    raw: bytes
    source: str

    @classmethod
    def __class_getitem__(cls, item: object) -> GenericAlias:
        """As list and dict do it: what typing makes of each new `Reading[...]` takes 0.1 ms."""
        return GenericAlias(cls, item)


class Gap(NamedTuple):
    """No value from `source`; `errno` is the symbolic name ("EIO") where a system call said no."""

    why: Why
    source: str
    detail: str
    errno: str | None = None


Reading: TypeAlias = Fact[T] | Gap


class Malformed(ValueError):
    """A parser's one complaint: the text is not what the kernel documents."""


def printable(text: str) -> str:
    r"""A name of the host as every face may show it: printable ASCII, all else as bytes ("\xe9").

    The kernel's own names are ASCII. What is not may steer a terminal, forge a line, turn the
    direction of what stands beside it or look like another name, so each reader does this where a
    name comes in. What was done once stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    try:
        raw = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, which only JSON can hold
        raw = text.encode(errors="backslashreplace")
    return raw.decode("ascii", "backslashreplace").translate(_CONTROLS)


def printable_bytes(raw: bytes) -> str:
    """The same of a name in a file."""
    return printable(raw.decode(errors="surrogateescape"))


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def gap_from(error: OSError, source: str) -> Gap:
    """The gap that a failed system call leaves."""
    number = error.errno or 0
    why = Why.ABSENT if number in _ABSENT else Why.DENIED if number in _DENIED else Why.FAILED
    name = _errno.errorcode.get(number)
    # Not strerror of the exception: a recording keeps the number, and must say the same.
    detail = os.strerror(number) if number else str(error)
    return Gap(
        why=why,
        source=printable(source),
        detail="it does not answer" if name == UNANSWERED else detail,
        errno=name,
    )


def parse(raw: bytes, source: str, parser: Callable[[bytes], T]) -> Reading[T]:
    """Apply a parser; `Malformed` becomes a gap, every other exception is a bug of the parser."""
    try:
        return Fact(parser(raw), raw, printable(source))
    except Malformed as error:
        return Gap(Why.MALFORMED, printable(source), str(error))


def value_or(reading: Reading[T], default: U) -> T | U:
    """The value where there is one: for display, never for a verdict."""
    return reading.value if isinstance(reading, Fact) else default
