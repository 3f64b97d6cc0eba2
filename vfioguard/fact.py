"""A reading of the host: a fact with its source, or a gap that says why there is none."""

from __future__ import annotations

import errno as _errno
import os
from collections.abc import Callable
from enum import StrEnum

from vfioguard.typed import Generic, NamedTuple, TypeAlias, TypeVar

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
#: The errno's name for a read that never returned and was given up (root/patience.py).
UNANSWERED = "ETIMEDOUT"


class Fact(NamedTuple, Generic[T_co]):
    """A parsed value, the bytes it was parsed from, and the path they came from."""

    value: T_co
    raw: bytes
    source: str


class Gap(NamedTuple):
    """No value from `source`. `errno` is the name of the error ("EIO") if a system call failed."""

    why: Why
    source: str
    detail: str
    errno: str | None = None


Reading: TypeAlias = Fact[T] | Gap


class Malformed(ValueError):
    """The only exception of parsers: the text is not what the kernel documents."""


def printable(text: str) -> str:
    r"""A name of the host as every face can show it: printable ASCII, other bytes as "\xe9".

    The kernel's own names are ASCII. Other characters may steer a terminal, forge a line, turn the
    direction of the text beside them, or look like another name. So each reader calls this where a
    name comes in. Calling it twice changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    try:
        raw = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, which only JSON can hold
        raw = text.encode(errors="backslashreplace")
    return raw.decode("ascii", "backslashreplace").translate(_CONTROLS)


def printable_bytes(raw: bytes) -> str:
    """A name that is read from a file, as `printable` makes it."""
    return printable(raw.decode(errors="surrogateescape"))


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def gap_from(error: OSError, source: str) -> Gap:
    """The gap that a failed system call leaves."""
    number = error.errno or 0
    why = Why.ABSENT if number in _ABSENT else Why.DENIED if number in _DENIED else Why.FAILED
    name = _errno.errorcode.get(number)
    # The text is not taken from `error`: a recording keeps the number and must give the same text.
    detail = os.strerror(number) if number else str(error)
    return Gap(
        why=why,
        source=printable(source),
        detail="it does not answer" if name == UNANSWERED else detail,
        errno=name,
    )


def parse(raw: bytes, source: str, parser: Callable[[bytes], T]) -> Reading[T]:
    """Apply a parser. Malformed becomes a gap; any other exception is a bug of the parser."""
    try:
        return Fact(parser(raw), raw, printable(source))
    except Malformed as error:
        return Gap(Why.MALFORMED, printable(source), str(error))


def value_or(reading: Reading[T], default: U) -> T | U:
    """The value of a fact, `default` for a gap. Only for display, never for a verdict."""
    return reading.value if isinstance(reading, Fact) else default
