"""A host without the paths whose reads were given up (patience.py): they fail at once."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from vfioguard.root import ATTRIBUTE, Begin, Directory, Prefixed, Root, Select, failed

_SYSFS = ("/sys/", "/devices/")


class Closed:
    """`host`, but reads of the paths in `hung` fail with ETIMEDOUT.

    A device's file fails by whichever path it is reached. If two reads in one directory of sysfs
    hang, the device is probably dead, and each further read would hold a thread. So all reads
    below that directory fail.
    """

    def __init__(self, host: Root, hung: Iterable[str]) -> None:
        self._host = host
        tails = {_tail(path) for path in hung}
        homes = [tail.rpartition("/")[0] for tail in tails if tail.startswith(_SYSFS)]
        self._tails = tuple(tails)
        self._homes = tuple({f"{home}/" for home in homes if homes.count(home) > 1})

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

    def subdirectories(self, path: str) -> int | None:
        return self._host.subdirectories(self._open(path))

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._host.source(path)

    def _open(self, path: str) -> str:
        if path.endswith(self._tails) or any(home in path for home in self._homes):
            raise failed(errno.ETIMEDOUT)
        return path


def _tail(path: str) -> str:
    """The end that all paths to a file share: "/devices/0000:01:00.0/uevent", or the whole path."""
    _, way, rest = path.rpartition("/devices/")
    return way + rest if way and path.startswith("/sys/") else path
