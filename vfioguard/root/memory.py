"""A host held in memory: a capture that was loaded, or entries that a test wrote."""

from __future__ import annotations

import errno
from collections.abc import Generator, Mapping

from vfioguard.root import ATTRIBUTE, MAX_LINKS, Begin, Directory, Prefixed, Select, failed
from vfioguard.typed import NamedTuple, TypeAlias

#: Names in one directory: one and a half times the groups of the largest host that was measured.
MAX_NAMES = 24_576
#: Steps of one reading at most. A step is a name in a path that is walked. A listed name counts as
#: four steps, each call as sixteen, because values are made of its answer. 16,384 groups take 2.3
#: to 3.4 million steps. The number of a capture's members does not bound them, because many links
#: may lead to the same place.
MAX_STEPS = 4_500_000
_LISTED, _ASKED, _BYTES = 4, 16, 16


class Link(NamedTuple):
    """A symbolic link and its text."""

    target: str


class Refused(NamedTuple):
    """A path; reading it fails with this errno."""

    errno: int


Entry: TypeAlias = "bytes | Link | Refused | None"  # None stands for a directory


class _Way(NamedTuple):
    """Where a path leads, and over how many links; or the errno if it leads nowhere."""

    real: str
    links: int = 0
    errno: int = 0


_LOOP = _Way("", 0, errno.ELOOP)
_Walk: TypeAlias = Generator[str, _Way, _Way]


class Memory:
    """A root of `entries`, which maps "/sys/..." to content; parent directories need no entry.

    An entry below a link is where the link points, as on a disk. `steps` counts the work; after
    MAX_STEPS every call fails with EFBIG. Each link is walked once, however often it is met.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.steps = 0
        self._ways: dict[str, _Way] = {}
        self._last = "", ""  # the last directory: its path in a call, and the path without links
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
            self._ways, self._last = {}, ("", "")  # the entry may have replaced a link

    def begin(self) -> None:
        """Begin a reading: earlier readings' steps do not count."""
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

    def subdirectories(self, path: str) -> int | None:
        self.listdir(path)
        return None

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
        """`path` without any link. Raises the OSError that the kernel would raise."""
        if path in self._entries and not isinstance(self._entries[path], Link):
            return path
        parent, _, name = path.rpartition("/")
        last, real = self._last
        if last != parent or name in {"", ".", ".."}:
            real = self._led(path if name in {"", ".", ".."} else parent)
            if name in {"", ".", ".."}:
                return real
            self._directory(real)
            self._last = parent, real
        step = f"{real}/{name}"
        return self._led(step) if isinstance(self._entries.get(step), Link) else step

    def _led(self, path: str) -> str:
        """Where `path` leads. Each link on the way is walked on its own, and its way is remembered.

        A link that is met again while it is being walked is a loop.
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
        """Walk from the directory `real` along `path`. Yields each link, and is sent its way.

        The last name may be missing: a link may lead to a file that is not there. The directories
        before it may not.
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
        """Raises OSError if `real` is not a directory, so that no name can be below it."""
        if isinstance(self._get(real), bytes):
            raise failed(errno.ENOTDIR)


def _below_link(path: str, entries: Mapping[str, Entry], real: set[str]) -> bool:
    """Whether a parent of `path` is a link. `real` collects directories that are below no link."""
    parents: list[str] = []
    parent = path.rpartition("/")[0]
    while parent not in real:
        if isinstance(entries.get(parent), Link):
            return True
        parents.append(parent)
        parent = parent.rpartition("/")[0]
    real.update(parents)
    return False
