"""A host as an unprivileged process in a container sees it."""

from __future__ import annotations

import errno
import os

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Root, Select

#: Container runtimes mask these with an empty directory and an empty file (runtime-spec, "Masked
#: Paths"; the file since 2025).
EMPTY_DIRECTORY = "/sys/firmware"
EMPTY_FILE = "/proc/interrupts"
#: Only root may read these, or the image's own are not the host's.
DENIED = ("/sys/kernel/debug", "/etc/modprobe.d", "/usr/lib/modprobe.d")
#: The image has none of the host's kernel, and the runtime makes no /dev/kmsg.
ABSENT = ("/boot", "/lib/modules", "/usr/lib/modules", "/lib/modprobe.d", "/dev/kmsg")


class Contained:
    """`inner` without what a container hides."""

    def __init__(self, inner: Root) -> None:
        self._inner = inner

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        if path == EMPTY_FILE:
            return select(b"") if select else b""
        return self._inner.read(self._open(path), limit, select)

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        if path == EMPTY_FILE:
            return select(b"") if select else b""
        return self._inner.head(self._open(path), size, select)

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        return self._inner.search(self._open(path), needles, begin)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._inner.records(self._open(path), limit, select)

    def readlink(self, path: str) -> str:
        return self._inner.readlink(self._open(path))

    def listdir(self, path: str) -> list[str]:
        return [] if path == EMPTY_DIRECTORY else self._inner.listdir(self._open(path))

    def subdirectories(self, path: str) -> int | None:
        return None if path == EMPTY_DIRECTORY else self._inner.subdirectories(self._open(path))

    def source(self, path: str) -> str:
        return self._inner.source(path)

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def _open(self, path: str) -> str:
        if _below(path, DENIED):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if _below(path, (*ABSENT, EMPTY_DIRECTORY)):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return path


def _below(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)
