"""A directory as the host: `/` for the running one, anything else for a mounted or unpacked one.

Under `/` the kernel resolves every link. Anywhere else an absolute link means the same host, and
nothing outside the directory is opened, whatever it links to (in_root.py, else by_name.py).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Protocol

from vfioguard.root import ATTRIBUTE, Begin, Directory, Place, Prefixed, Select, failed

# O_NONBLOCK: a FIFO or a device node in a foreign tree must not hold us up.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_HEAD = 64
_CHUNK = 64 << 10  # a larger buffer is mapped and faulted in anew with each read
#: Of the running host these stay open: the kernel makes them once, and below them thousands of
#: files are read.
_LASTING = frozenset({"/sys/bus/pci/devices", "/sys/kernel/iommu_groups", "/sys/kernel/irq"})
#: Of openat2(2): this kernel has none, or a filter (seccomp(2)) answers for it.
_NO_OPENAT2 = frozenset({errno.ENOSYS, errno.EPERM, errno.EACCES})
#: What is read at most of a file that is searched or of a log: /proc/kallsyms has 20 MiB.
_MAX_STREAM = 256 << 20


def _slurp(fd: int, limit: int) -> bytes:
    """One read for what fits an attribute; files that the kernel generates report no size."""
    data = os.read(fd, limit + 1) if limit <= ATTRIBUTE else _read_all(fd, limit + 1)
    if len(data) > limit:
        raise failed(errno.EFBIG)
    if not data and stat.S_ISFIFO(os.fstat(fd).st_mode):
        raise failed(errno.EINVAL)  # nobody writes to it: not the same as an empty file
    return data


def _read_all(fd: int, room: int) -> bytes:
    chunks: list[bytes] = []
    while room > 0 and (chunk := os.read(fd, min(room, _CHUNK))):
        chunks.append(chunk)
        room -= len(chunk)
    return b"".join(chunks)


def _find(fd: int, needles: tuple[bytes, ...], begin: Begin | None) -> bytes:
    """Stream the file past the needles until one occurs; memory stays at one chunk."""
    if begin is not None:
        os.lseek(fd, begin(os.read(fd, _HEAD)), os.SEEK_SET)
    room = _MAX_STREAM
    overlap = max(map(len, needles)) - 1
    tail = b""
    while chunk := os.read(fd, _CHUNK):
        window = tail + chunk
        for needle in needles:
            if needle in window:
                return needle
        tail = window[-overlap:]
        room -= len(chunk)
        if room < 0:
            raise failed(errno.EFBIG)
    return b""


def _records(fd: int, limit: int, select: Select) -> bytes:
    """/dev/kmsg gives one record a read, EPIPE for one overwritten meanwhile, EAGAIN at the end."""
    kept: list[bytes] = []
    size = 0
    room = _MAX_STREAM
    while True:
        try:
            record = os.read(fd, 8192)  # CONSOLE_EXT_LOG_MAX, kernel/printk/printk.c
        except BlockingIOError:
            break
        except BrokenPipeError:
            continue
        if not record:
            break
        part = select(record)
        size += len(part)
        room -= len(record)
        if size > limit or room < 0:
            raise failed(errno.EFBIG)
        if part:
            kept.append(part)
    return b"".join(kept)


class Inside(Protocol):
    """Reads below one directory, and nowhere else."""

    def open(self, path: str, flags: int) -> int: ...
    def readlink(self, path: str) -> str: ...
    def listdir(self, path: str) -> list[str]: ...


def keeping_to(base: str, kernel: Callable[[str], Inside] | None = None) -> Inside:
    """The kernel's own resolving; by names where it has none, or a filter forbids it."""
    if kernel is None:
        from vfioguard.root.in_root import InRoot  # ctypes, which the running host does without

        kernel = InRoot
    try:
        return kernel(base)
    except OSError as error:
        if error.errno not in _NO_OPENAT2:
            raise
    from vfioguard.root.by_name import ByName

    return ByName(base)


class Tree:
    """The running host (`Tree("/")`) or a directory that looks like one.

    A foreign root is for one scan: where its directories are may be remembered, so the next scan
    takes a new one. Of the running host three directories stay open, nothing else is kept. Threads
    may share it. `place` is told of each path before it is touched; `inside` makes what keeps to a
    foreign root.
    """

    def __init__(
        self,
        path: str,
        place: Place | None = None,
        inside: Callable[[str], Inside] = keeping_to,
    ) -> None:
        self.path = os.path.abspath(path)
        self._place = ["", ""] if place is None else place
        self._opened: dict[str, Directory] = {}
        if not os.path.isdir(self.path):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
        self._inside = None if os.path.realpath(path) == "/" else inside(self.path)

    def read(self, path: str, limit: int = ATTRIBUTE, select: Select | None = None) -> bytes:
        fd = self._open(path)
        try:
            data = _slurp(fd, limit)
        finally:
            os.close(fd)
        return select(data) if select else data

    def head(self, path: str, size: int, select: Select | None = None) -> bytes:
        fd = self._open(path)
        try:
            data = _read_all(fd, size)
        finally:
            os.close(fd)
        return select(data) if select else data

    def search(self, path: str, needles: tuple[bytes, ...], begin: Begin | None = None) -> bytes:
        fd = self._open(path)
        try:
            return _find(fd, needles, begin)
        finally:
            os.close(fd)

    def records(self, path: str, limit: int, select: Select) -> bytes:
        fd = self._open(path)
        try:
            if stat.S_ISCHR(os.fstat(fd).st_mode):
                return _records(fd, limit, select)
            return select(_slurp(fd, limit))
        finally:
            os.close(fd)

    def readlink(self, path: str) -> str:
        place = self._place
        place[0] = ""
        place[1] = path
        return os.readlink(path) if self._inside is None else self._inside.readlink(path)

    def listdir(self, path: str) -> list[str]:
        place = self._place
        place[0] = ""
        place[1] = path
        return os.listdir(path) if self._inside is None else self._inside.listdir(path)

    def under(self, path: str) -> Directory:
        if self._inside is not None:
            return Prefixed(self, path)
        found = self._opened.get(path)
        if found is None:
            place = self._place
            place[0] = ""  # raises where the thread was given up, and [:] would not
            place[1] = path
            try:
                found = _Live(path, self._place)
            except OSError:  # then each read says it of itself
                return Prefixed(self, path)
            if path in _LASTING:
                self._opened[path] = found
        return found

    def source(self, path: str) -> str:
        return path

    def _open(self, path: str) -> int:
        place = self._place
        place[0] = ""
        place[1] = path
        return os.open(path, _READ) if self._inside is None else self._inside.open(path, _READ)


class _Live:
    """A directory of the running host by descriptor: half the path walk of an absolute name."""

    def __init__(self, path: str, place: Place) -> None:
        self.prefix = path.rstrip("/") + "/"
        self._place = place
        self._fd = os.open(path, _DIRECTORY)

    def __del__(self) -> None:
        fd = getattr(self, "_fd", -1)
        if fd >= 0:
            os.close(fd)

    def read(self, name: str, limit: int = ATTRIBUTE) -> bytes:
        place = self._place
        place[0] = self.prefix
        place[1] = name
        fd = os.open(name, _READ, dir_fd=self._fd)
        try:
            data = os.read(fd, limit + 1)
        finally:
            os.close(fd)
        if len(data) > limit:
            raise failed(errno.EFBIG)
        return data

    def readlink(self, name: str) -> str:
        place = self._place
        place[0] = self.prefix
        place[1] = name
        return os.readlink(name, dir_fd=self._fd)

    def listdir(self, name: str) -> list[str]:
        path = self.prefix + name
        place = self._place
        place[0] = ""
        place[1] = path
        return os.listdir(path)
