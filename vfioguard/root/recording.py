"""Remember everything that the readers see of another root, so that it can be replayed.

`vfioguard capture` runs the ordinary readers over this, so there is no second list of paths.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from vfioguard.root import ATTRIBUTE, MAX_LINKS, Begin, Directory, Prefixed, Root, Select
from vfioguard.root.memory import Entry, Link, Refused
from vfioguard.typed import TypeVar

T = TypeVar("T")

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})


class Recording:
    """A root that answers as `inner` does, and keeps the answers in `entries`."""

    def __init__(self, inner: Root) -> None:
        self._inner = inner
        self._seen: dict[str, Entry] = {}
        # A name that was listed and never read is kept as an empty file, because only it matters.
        self._named: set[str] = set()

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        return self._keep(path, lambda: self._inner.read(path, limit, select))

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        return self._keep(path, lambda: self._inner.head(path, size, select))

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        before = self._seen.get(path)
        needle = self._keep(path, lambda: self._inner.search(path, needles, begin))
        if isinstance(before, bytes):  # a file may be searched several times
            self._seen[path] = before if needle in before else before + needle
        return needle

    def records(self, path: str, limit: int, select: Select) -> bytes:
        return self._keep(path, lambda: self._inner.records(path, limit, select))

    def readlink(self, path: str) -> str:
        try:
            target = self._inner.readlink(path)
        except OSError as error:
            self._refused(path, error)
            raise
        self._seen[path] = Link(target)
        return target

    def listdir(self, path: str) -> list[str]:
        try:
            names = self._inner.listdir(path)
        except OSError as error:
            self._refused(path, error)
            raise
        self._seen[path] = None
        self._named.update(f"{path}/{name}" for name in names)
        return names

    def subdirectories(self, path: str) -> int | None:
        self.listdir(path)  # so that a replay can list it
        return None

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return self._inner.source(path)

    def _keep(self, path: str, call: Callable[[], bytes]) -> bytes:
        try:
            data = call()
        except OSError as error:
            self._refused(path, error)
            raise
        self._seen[path] = data
        return data

    def _refused(self, path: str, error: OSError) -> None:
        vanished = error.errno == errno.ENOENT and path in self._named
        if error.errno not in _NOT_THERE or vanished:
            self._seen[path] = Refused(error.errno or errno.EIO)
        parent = path.rpartition("/")[0]
        if error.errno == errno.ENOENT and parent in self._named:
            self._seen.setdefault(parent, None)  # a directory: below a file it would be ENOTDIR

    @property
    def entries(self) -> dict[str, Entry]:
        """The answers by path. A path below a link is moved to where the link points."""
        links = {path: entry for path, entry in self._seen.items() if isinstance(entry, Link)}
        seen: dict[str, Entry] = dict.fromkeys(self._named, b"")
        seen |= self._seen
        moved: dict[str, Entry] = {}
        for path, entry in sorted(seen.items(), key=lambda item: item[0]):
            real = _through(path, links)
            # A path below a loop of links is not kept: a replay meets the loop again.
            if real is not None and (path in self._seen or real not in moved):
                moved[real] = entry
        parents = {parent for path in moved for parent in _parents(path)}
        return {
            path: None if path in parents and not isinstance(entry, Link) else entry
            for path, entry in moved.items()
        }


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(2, len(parts))]


def _through(path: str, links: dict[str, Link]) -> str | None:
    for _ in range(MAX_LINKS):
        parent = next((parent for parent in _parents(path) if parent in links), None)
        if parent is None:
            return path
        path = _target(parent, links[parent].target) + path[len(parent) :]
    return None


def _target(link: str, target: str) -> str:
    parts = [] if target.startswith("/") else link.split("/")[1:-1]
    for name in target.split("/"):
        if name == "..":
            parts = parts[:-1]
        elif name not in {"", "."}:
            parts.append(name)
    return "/" + "/".join(parts)
