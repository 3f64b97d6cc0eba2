"""A host held in memory: what a capture becomes when it is loaded, and what tests write by hand."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Select

_MAX_LINKS = 40  # MAXSYMLINKS, include/linux/namei.h


class Link(NamedTuple):
    """A symbolic link and its text."""

    target: str


class Refused(NamedTuple):
    """A path whose read fails with this errno."""

    errno: int


Entry: TypeAlias = "bytes | Link | Refused | None"  # None: a directory


class Memory:
    """`entries` maps "/sys/..." to content; parent directories need not be named.

    An entry below a link is where the link points, as it would be on a disk.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries: dict[str, Entry] = {"": None}
        self._children: dict[str, set[str]] = {"": set()}
        moved: list[tuple[str, Entry]] = []
        real = {""}
        for path, entry in entries.items():
            if _below_link(path, entries, real):
                moved.append((path, entry))
            else:
                self._add(path.rstrip("/"), entry)
        for path, entry in moved:
            parent, _, name = path.rstrip("/").rpartition("/")
            self._add(f"{self._resolve(parent)}/{name}", entry)

    def _add(self, path: str, entry: Entry) -> None:
        self._entries[path] = entry
        if entry is None:
            self._children.setdefault(path, set())
        while path:
            parent, _, name = path.rpartition("/")
            self._entries.setdefault(parent, None)
            siblings = self._children.setdefault(parent, set())
            if name in siblings:
                break
            siblings.add(name)
            path = parent

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        entry = self._get(self._resolve(path))
        if not isinstance(entry, bytes):
            raise _error(errno.EISDIR)
        if len(entry) > limit:
            raise _error(errno.EFBIG)
        return select(entry) if select else entry

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        data = self.read(path, 1 << 40)[:size]
        return select(data) if select else data

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        content = self.read(path, 1 << 40)
        content = content[begin(content) :] if begin else content
        return next((needle for needle in needles if needle in content), b"")

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self.read(path, limit, select)

    def readlink(self, path: str) -> str:
        parent, _, name = path.rpartition("/")
        entry = self._get(f"{self._resolve(parent)}/{name}")
        if not isinstance(entry, Link):
            raise _error(errno.EINVAL)
        return entry.target

    def listdir(self, path: str) -> list[str]:
        real = self._resolve(path)
        if self._get(real) is not None:
            raise _error(errno.ENOTDIR)
        return list(self._children.get(real, ()))

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return path

    def _get(self, real: str) -> Entry:
        try:
            entry = self._entries[real]
        except KeyError:
            raise _error(errno.ENOENT) from None
        if isinstance(entry, Refused):
            raise _error(entry.errno)
        return entry

    def _directory(self, real: str) -> Link | None:
        """A component with others behind it."""
        entry = self._get(real)
        if isinstance(entry, bytes):
            raise _error(errno.ENOTDIR)
        assert not isinstance(entry, Refused), "raised by _get()"
        return entry

    def _resolve(self, path: str) -> str:
        if path in self._entries and not isinstance(self._entries[path], Link):
            return path
        real = ""
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            name = todo.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                real = real.rpartition("/")[0]
                continue
            step = f"{real}/{name}"
            entry = self._directory(step) if todo else self._entries.get(step)
            if not isinstance(entry, Link):
                real = step
                continue
            links += 1
            if links > _MAX_LINKS:
                raise _error(errno.ELOOP)
            if entry.target.startswith("/"):
                real = ""
            todo.extend(entry.target.split("/")[::-1])
        return real


def _below_link(path: str, entries: Mapping[str, Entry], real: set[str]) -> bool:
    """Whether a parent is a link; `real` collects those that are known not to be below one."""
    parents: list[str] = []
    parent = path.rpartition("/")[0]
    while parent not in real:
        if isinstance(entries.get(parent), Link):
            return True
        parents.append(parent)
        parent = parent.rpartition("/")[0]
    real.update(parents)
    return False


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
