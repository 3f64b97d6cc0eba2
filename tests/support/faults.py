"""A root whose answer at one path is a fault, and a root that remembers all that take() asks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Root, Select

T = TypeVar("T")


class Fault(NamedTuple):
    """A fault: a call fails with `errno`, or a file has this content and a link this text.

    A directory lists one more name, which is the content.
    """

    name: str
    errno: int | None = None
    content: bytes = b""
    link: str = ""

    def __str__(self) -> str:
        return self.name


ERRNOS = tuple(
    Fault(errno.errorcode[number], number)
    for number in (
        errno.EIO,
        errno.EACCES,
        errno.ENODEV,
        errno.ENOENT,
        errno.EAGAIN,
        errno.ENXIO,
        errno.ELOOP,
    )
)
CONTENTS = (
    Fault("garbage", content=b"\x00\x01garbage\xff\n", link="\udcff\x01"),
    Fault("a word", content=b"garbage\n", link="garbage"),
    Fault("not ASCII", content="é\n".encode(), link="é"),
    Fault("a number", content=b"12345678\n", link="../12345678"),
    Fault("empty", content=b"", link=""),
)
ALL = ERRNOS + CONTENTS


class Faulty:
    """Answers like `inner`, except at one path."""

    def __init__(self, inner: Root, path: str, fault: Fault) -> None:
        self._inner = inner
        self._path = path
        self._fault = fault

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        content = self._at(path, lambda: self._inner.read(path, limit, select))
        return select(content) if select else content

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        content = self._at(path, lambda: self._inner.head(path, size, select))
        return select(content) if select else content

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        content = self._at(path, lambda: self._inner.search(path, needles, begin))
        return b"".join(needle for needle in needles if needle in content)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return select(self._at(path, lambda: self._inner.records(path, limit, select)))

    def readlink(self, path: str) -> str:
        if path != self._path:
            return self._inner.readlink(path)
        self._raise()
        return self._fault.link

    def listdir(self, path: str) -> list[str]:
        if path != self._path:
            return self._inner.listdir(path)
        self._raise()
        stray = os.fsdecode(self._fault.content.strip(b"\0\n"))
        return [*self._inner.listdir(path), *([stray] if stray else [])]

    def subdirectories(self, path: str) -> int | None:
        if path == self._path:
            self._raise()
        return self._inner.subdirectories(path)

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._inner.source(path)

    def _at(self, path: str, call: Callable[[], bytes]) -> bytes:
        if path != self._path:
            return call()
        self._raise()
        return self._fault.content

    def _raise(self) -> None:
        if self._fault.errno is not None:
            raise OSError(self._fault.errno, os.strerror(self._fault.errno))


class Watching:
    """Answers like `inner`, and remembers each call as (call, path)."""

    def __init__(self, inner: Root) -> None:
        self._inner = inner
        self.calls: list[tuple[str, str]] = []

    @property
    def paths(self) -> list[str]:
        """Every path once, in the order of the first call."""
        return list(dict.fromkeys(path for _, path in self.calls))

    def asked(self, call: str) -> list[str]:
        """The paths of one kind of call."""
        return [path for name, path in self.calls if name == call]

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        return self._note("read", path, lambda: self._inner.read(path, limit, select))

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        return self._note("head", path, lambda: self._inner.head(path, size, select))

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        return self._note("search", path, lambda: self._inner.search(path, needles, begin))

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._note("records", path, lambda: self._inner.records(path, limit, select))

    def readlink(self, path: str) -> str:
        return self._note("readlink", path, lambda: self._inner.readlink(path))

    def listdir(self, path: str) -> list[str]:
        return self._note("listdir", path, lambda: self._inner.listdir(path))

    def subdirectories(self, path: str) -> int | None:
        self.calls.append(("subdirectories", path))
        return self._inner.subdirectories(path)

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._inner.source(path)

    def _note(self, call: str, path: str, answer: Callable[[], T]) -> T:
        self.calls.append((call, path))
        return answer()
