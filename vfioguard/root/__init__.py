"""The one door to the host: everything is read through a `Root`.

The running host, a directory and a capture answer the same three calls, so that there is one code
path for all of them. Paths are absolute ("/sys/kernel/irq"), `OSError` is the only failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, TypeVar

from vfioguard.fact import Gap, Malformed, Reading, gap_from, parse

T = TypeVar("T")

#: Where a thread reads: a directory, or "", and a name below it; the name is "" between readings.
#: It is emptied when the thread is given up (patience.py), whose next note raises IndexError.
Place = list[str]

#: What a sysfs attribute can hold at most (PAGE_SIZE; Documentation/filesystems/sysfs.rst).
ATTRIBUTE = 4096

#: Links that are followed for one path (MAXSYMLINKS, include/linux/namei.h).
MAX_LINKS = 40

#: Where the kernel shows the firmware's tables (Documentation/ABI/testing/sysfs-firmware-acpi).
ACPI_TABLES = "/sys/firmware/acpi/tables"

Select = Callable[[bytes], bytes]

#: From the first bytes of a file (64, if it has them) to where its search begins.
Begin = Callable[[bytes], int]


def failed(number: int) -> OSError:
    """What the kernel raises with this errno."""
    return OSError(number, os.strerror(number))


class Directory(Protocol):
    """Reads below one directory; `name` may hold slashes, `prefix` ends in one."""

    prefix: str

    def read(self, name: str, limit: int = ATTRIBUTE) -> bytes: ...
    def readlink(self, name: str) -> str: ...
    def listdir(self, name: str) -> list[str]: ...


class Root(Protocol):
    """A host, live or recorded.

    `read` returns at most `limit` bytes and fails with EFBIG where the file holds more; `select`
    keeps the part of a large or private file that the reader wants, and is idempotent, so that a
    recording holds no more than that. `head` cuts instead of failing. `search` takes needles of
    which a host's file holds at most one, and returns that one, or nothing; what is before `begin`
    is not searched. `records` reads a log that may be a device (/dev/kmsg). `under` never fails:
    where there is no such directory, each read below it says so. `source` is the file that answers
    for a path, for the proof: nearly always the path itself.
    """

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes: ...
    def head(self, path: str, size: int, select: Select | None = None) -> bytes: ...
    def search(
        self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None
    ) -> bytes: ...
    def records(self, path: str, limit: int, select: Select) -> bytes: ...
    def readlink(self, path: str) -> str: ...
    def listdir(self, path: str) -> list[str]: ...
    def under(self, path: str) -> Directory: ...
    def source(self, path: str) -> str: ...


class Prefixed:
    """`Directory` over any root, by joining paths."""

    def __init__(self, root: Root, path: str) -> None:
        self._root = root
        self.prefix = path.rstrip("/") + "/"

    def read(self, name: str, limit: int = ATTRIBUTE) -> bytes:
        return self._root.read(self.prefix + name, limit)

    def readlink(self, name: str) -> str:
        return self._root.readlink(self.prefix + name)

    def listdir(self, name: str) -> list[str]:
        return self._root.listdir(self.prefix + name)


def reading(
    root: Root,
    path: str,
    parser: Callable[[bytes], T],
    limit: int = ATTRIBUTE,
    select: Select | None = None,
) -> Reading[T]:
    """Read and parse one file; whatever goes wrong costs this one fact."""
    try:
        raw = root.read(path, limit, select)
    except OSError as error:
        return gap_from(error, path)
    return parse(raw, path, parser)


def listing(root: Root, path: str) -> Reading[tuple[str, ...]]:
    """The sorted names of a directory."""
    try:
        names = tuple(sorted(root.listdir(path)))
    except OSError as error:
        return gap_from(error, path)
    return parse("\n".join(names).encode(errors="surrogateescape"), path, lambda _: names)


@lru_cache(maxsize=1024)
def text(raw: bytes) -> str:
    """One line of printable ASCII without its newline: the kernel prints nothing else here."""
    try:
        line = raw.removesuffix(b"\n").decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed(f"not ASCII: {raw[:32]!r}") from error
    if not line.isprintable():
        raise Malformed(f"not one line of text: {raw[:32]!r}")
    return line


def first(readings: tuple[Reading[T], ...]) -> Reading[T]:
    """The first reading that is a fact, else the first gap that is more than absence."""
    facts = [r for r in readings if not isinstance(r, Gap)]
    if facts:
        return facts[0]
    gaps = [r for r in readings if isinstance(r, Gap)]
    return next((gap for gap in gaps if gap.why != "absent"), gaps[0])
