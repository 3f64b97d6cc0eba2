"""A host held in memory: what a capture becomes when it is loaded, and what tests write by hand."""

from __future__ import annotations

import errno
from collections.abc import Generator, Mapping
from typing import NamedTuple, TypeAlias

from vfioguard.root import ATTRIBUTE, MAX_LINKS, Begin, Directory, Prefixed, Select, failed

#: Names in one directory: one and a half times the groups of the largest host that is measured.
MAX_NAMES = 24_576
#: Work for one reading, in names that are walked: a listed name counts as four, each question as
#: sixteen, as something is made of its answer. 16,384 groups take 2.3 to 3.4 million. Links may
#: lead to the same place, so the members of a capture bound nothing by themselves.
MAX_STEPS = 4_500_000
_LISTED, _ASKED, _BYTES = 4, 16, 16


class Link(NamedTuple):
    """A symbolic link and its text."""

    target: str


class Refused(NamedTuple):
    """A path whose read fails with this errno."""

    errno: int


Entry: TypeAlias = "bytes | Link | Refused | None"  # None: a directory


class _Way(NamedTuple):
    """Where a path leads, and over how many links; or the errno that says why nowhere."""

    real: str
    links: int = 0
    errno: int = 0


_LOOP = _Way("", 0, errno.ELOOP)
_Walk: TypeAlias = Generator[str, _Way, _Way]


class Memory:
    """`entries` maps "/sys/..." to content; parent directories need not be named.

    An entry below a link is where the link points, as it would be on a disk. `steps` counts the
    work; beyond MAX_STEPS of it every answer is EFBIG, and each link is walked once, however often
    it is met.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.steps = 0
        self._ways: dict[str, _Way] = {}
        self._last = "", ""  # a directory as it was asked for last, and which it is
        self._entries: dict[str, Entry] = {"": None}
        self._children: dict[str, list[str]] = {"": []}
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
            self._ways, self._last = {}, ("", "")  # the entry may stand where a link was

    def begin(self) -> None:
        """Another reading: what the ones before took does not count."""
        self.steps = 0

    def _add(self, path: str, entry: Entry) -> None:
        known = path in self._entries
        self._entries[path] = entry
        while not known:
            parent, _, name = path.rpartition("/")
            self._children.setdefault(parent, []).append(name)
            known = parent in self._entries
            self._entries.setdefault(parent, None)
            path = parent

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        self._count(_ASKED)
        entry = self._get(self._resolve(path))
        if not isinstance(entry, bytes):
            raise failed(errno.EISDIR)
        self._count(len(entry) // _BYTES)
        if len(entry) > limit:
            raise failed(errno.EFBIG)
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
        self._count(_ASKED)
        parent, _, name = path.rpartition("/")
        entry = self._get(f"{self._resolve(parent)}/{name}")
        if not isinstance(entry, Link):
            raise failed(errno.EINVAL)
        return entry.target

    def listdir(self, path: str) -> list[str]:
        self._count(_ASKED)
        real = self._resolve(path)
        if self._get(real) is not None:
            raise failed(errno.ENOTDIR)
        names = self._children.get(real, ())
        self._count(len(names) * _LISTED)
        if len(names) > MAX_NAMES:
            raise failed(errno.EFBIG)
        return list(names)

    def under(self, path: str) -> Directory:
        return Prefixed(self, path)

    def source(self, path: str) -> str:
        return path

    def _get(self, real: str) -> Entry:
        try:
            entry = self._entries[real]
        except KeyError:
            raise failed(errno.ENOENT) from None
        if isinstance(entry, Refused):
            raise failed(entry.errno)
        return entry

    def _resolve(self, path: str) -> str:
        """`path` without any link; raises what the kernel would."""
        if path in self._entries and not isinstance(self._entries[path], Link):
            return path
        parent, _, name = path.rpartition("/")
        asked, real = self._last
        if asked != parent or name in {"", ".", ".."}:
            real = self._led(path if name in {"", ".", ".."} else parent)
            if name in {"", ".", ".."}:
                return real
            self._directory(real)
            self._last = parent, real
        step = f"{real}/{name}"
        return self._led(step) if isinstance(self._entries.get(step), Link) else step

    def _led(self, path: str) -> str:
        """Where the walk ends, each link in it being walked, and remembered, by itself.

        A link that is met while it is walked leads to itself: until its end it is a loop.
        """
        walks = [("", self._walk("", path))]
        way: _Way | None = None
        while walks:
            link, walk = walks[-1]
            try:
                link = next(walk) if way is None else walk.send(way)
            except StopIteration as end:
                walked: _Way = end.value
                way = walked
                walks.pop()
                if link:
                    self._ways[link] = walked
                continue
            way = self._ways.get(link)
            if way is None:
                self._ways[link] = _LOOP
                walks.append((link, self._walk(link.rpartition("/")[0], self._target(link))))
        assert way is not None, "the first walk has ended"
        if way.errno:
            raise failed(way.errno)
        return way.real

    def _walk(self, real: str, path: str) -> _Walk:
        """From the directory `real` along `path`; yields each link that is met and is sent its way.

        The end may be missing, as link texts and paths of new files are; what is before it is not.
        """
        links = 0
        names = path.split("/")
        self._count(len(names))
        if path.startswith("/"):
            real = ""
        for count, name in enumerate(names, 1):
            if name == "..":
                real = real.rpartition("/")[0]
            elif name not in {"", "."}:
                real = f"{real}/{name}"
                if isinstance(self._entries.get(real), Link):
                    way = yield real
                    real, links = way.real, links + way.links + 1
                    if way.errno or links > MAX_LINKS:
                        return _Way("", 0, way.errno or errno.ELOOP)
                if count < len(names):
                    try:
                        self._directory(real)
                    except OSError as error:
                        return _Way("", 0, error.errno or errno.EIO)
        return _Way(real, links)

    def _count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise failed(errno.EFBIG)

    def _target(self, link: str) -> str:
        entry = self._entries[link]
        assert isinstance(entry, Link), "only links are walked by themselves"
        return entry.target

    def _directory(self, real: str) -> None:
        """Raises where others cannot be behind it."""
        if isinstance(self._get(real), bytes):
            raise failed(errno.ENOTDIR)


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
