"""The one door to the host: every file of it is read through a `Root`.

The running host, a directory and a capture have the same methods, so that one code path serves
all. Paths are absolute ("/sys/kernel/irq"). `OSError` is the only failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

from vfioguard.fact import Gap, Malformed, Reading, gap_from, parse
from vfioguard.typed import Protocol, TypeVar

T = TypeVar("T")

#: Where a thread reads: a directory or "", and a name below it, which is "" between readings.
#: patience.py empties the list when it gives the thread up. The thread's next note then raises
#: IndexError.
Place = list[str]

#: Bytes of a sysfs attribute at most (PAGE_SIZE; Documentation/filesystems/sysfs.rst).
ATTRIBUTE = 4096

#: Links that are followed for one path (MAXSYMLINKS, include/linux/namei.h).
MAX_LINKS = 40

#: Where the kernel shows the firmware's tables (Documentation/ABI/testing/sysfs-firmware-acpi).
ACPI_TABLES = "/sys/firmware/acpi/tables"

Select = Callable[[bytes], bytes]

#: Returns the offset at which a search begins, from a file's first bytes (64, if it has them).
Begin = Callable[[bytes], int]


def failed(number: int) -> OSError:
    """The exception of a system call that failed with this errno."""
    return OSError(number, os.strerror(number))


class Directory(Protocol):
    """Reads below one directory. `name` may hold slashes; `prefix` ends in a slash."""

    prefix: str

    def read(self, name: str, limit: int = ATTRIBUTE) -> bytes: ...
    def readlink(self, name: str) -> str: ...
    def listdir(self, name: str) -> list[str]: ...


class Root(Protocol):
    """A host, live or recorded.

    `read` returns a file, or fails with EFBIG if it has more than `limit` bytes. `select` keeps the
    part of a large or private file that the reader wants, so that a recording has only that part.
    It is idempotent. `head` returns the first `size` bytes. `search` returns the needle that the
    file holds, or b""; no file holds two of them. It does not search before `begin`. `records`
    reads a log, which may be a device (/dev/kmsg). `under` never fails: if there is no such
    directory, each read below it fails. `source` names the file that is read for a path, which is
    nearly always the path itself. `subdirectories` opens a directory as `listdir` does, and counts
    its directories without listing them. It is None if the file system does not count them.

    Every method but `under` and `source` raises OSError.
    """

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes: ...
    def head(self, path: str, size: int, select: Select | None = None) -> bytes: ...
    def search(
        self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None
    ) -> bytes: ...
    def records(self, path: str, limit: int, select: Select) -> bytes: ...
    def readlink(self, path: str) -> str: ...
    def listdir(self, path: str) -> list[str]: ...
    def subdirectories(self, path: str) -> int | None: ...
    def under(self, path: str) -> Directory: ...
    def source(self, path: str) -> str: ...


class Prefixed:
    """A `Directory` of any root; it joins the paths."""

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
    """Read and parse one file. Returns a gap if reading or parsing fails."""
    try:
        raw = root.read(path, limit, select)
    except OSError as error:
        return gap_from(error, path)
    return parse(raw, path, parser)


def listing(root: Root, path: str) -> Reading[tuple[str, ...]]:
    """The sorted names in a directory. Returns a gap if it cannot be read."""
    try:
        names = tuple(sorted(root.listdir(path)))
    except OSError as error:
        return gap_from(error, path)
    return parse("\n".join(names).encode(errors="surrogateescape"), path, lambda _: names)


@lru_cache(maxsize=1024)
def text(raw: bytes) -> str:
    """One line of printable ASCII, without its newline. Raises Malformed for any other bytes."""
    try:
        line = raw.removesuffix(b"\n").decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed(f"not ASCII: {raw[:32]!r}") from error
    if not line.isprintable():
        raise Malformed(f"not one line of text: {raw[:32]!r}")
    return line


def first(readings: tuple[Reading[T], ...]) -> Reading[T]:
    """The first fact; else the first gap with a reason other than "absent"; else the first gap."""
    facts = [r for r in readings if not isinstance(r, Gap)]
    if facts:
        return facts[0]
    gaps = [r for r in readings if isinstance(r, Gap)]
    return next((gap for gap in gaps if gap.why != "absent"), gaps[0])
