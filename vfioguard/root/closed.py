"""A host whose reads of some paths fail at once: those that were given up (patience.py)."""

from __future__ import annotations

import errno
import os

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Root, Select


class Closed:
    """`host` but for what is `closed`, which fails with ETIMEDOUT; "DIRECTORY/": all below it."""

    def __init__(self, host: Root, closed: frozenset[str]) -> None:
        self._host = host
        self._paths = closed
        self._directories = tuple(path for path in closed if path.endswith("/"))

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        return self._host.read(self._open(path), limit, select)

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        return self._host.head(self._open(path), size, select)

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        return self._host.search(self._open(path), needles, begin)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._host.records(self._open(path), limit, select)

    def readlink(self, path: str) -> str:
        return self._host.readlink(self._open(path))

    def listdir(self, path: str) -> list[str]:
        return self._host.listdir(self._open(path))

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._host.source(path)

    def _open(self, path: str) -> str:
        if path in self._paths or path.startswith(self._directories):
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return path
