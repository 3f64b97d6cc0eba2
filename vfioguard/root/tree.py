"""A host in a directory: the running one in `/`, a mounted or unpacked one in any other directory.

In `/` the kernel resolves every link. In any other directory an absolute link leads to the same
host, and nothing outside the directory is opened (in_root.py, else by_name.py).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from vfioguard.root import ATTRIBUTE, Begin, Directory, Place, Prefixed, Select, failed
from vfioguard.typed import Protocol

# O_NONBLOCK: opening a FIFO or a device node in a foreign tree must not block.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_HEAD = 64
_CHUNK = 64 << 10  # malloc maps a larger buffer for each read, which faults in its pages each time
#: Directories of the running host that stay open. The kernel makes them once, and thousands of
#: files are read below them.
_LASTING = frozenset({"/sys/bus/pci/devices", "/sys/kernel/iommu_groups", "/sys/kernel/irq"})
#: openat2(2) fails so if the kernel lacks it, or if a filter (seccomp(2)) forbids it.
_NO_OPENAT2 = frozenset({errno.ENOSYS, errno.EPERM, errno.EACCES})
#: Bytes at most of a log, or of a file that is searched: /proc/kallsyms has 20 MiB.
_MAX_STREAM = 256 << 20


def _slurp(fd: int, limit: int) -> bytes:
    """The file, by one read(2) if `limit` is an attribute's. Raises OSError (EFBIG, EINVAL).

    Files that the kernel generates do not report their size.
    """
    data = os.read(fd, limit + 1) if limit <= ATTRIBUTE else _read_all(fd, limit + 1)
    if len(data) > limit:
        raise failed(errno.EFBIG)
    if not data and stat.S_ISFIFO(os.fstat(fd).st_mode):
        raise failed(errno.EINVAL)  # a FIFO without a writer is not an empty file
    return data


def _read_all(fd: int, room: int) -> bytes:
    chunks: list[bytes] = []
    while room > 0 and (chunk := os.read(fd, min(room, _CHUNK))):
        chunks.append(chunk)
        room -= len(chunk)
    return b"".join(chunks)


def _find(fd: int, needles: tuple[bytes, ...], begin: Begin | None) -> bytes:
    """The first needle that occurs in the file, or b"". Memory holds one chunk at a time."""
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
    """The records of /dev/kmsg, each reduced by `select`.

    A read(2) returns one record. It fails with EPIPE if the record was overwritten meanwhile, and
    with EAGAIN at the end.
    """
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
    """Reads below `base` by openat2(2), or by names if there is no such system call here.

    `kernel` makes the former; None means InRoot. Raises OSError if `base` cannot be opened.
    """
    if kernel is None:
        from vfioguard.root.in_root import InRoot  # it imports ctypes, which "/" does not need

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

    A foreign root is for one reading, because it may remember where its directories are. The
    running host's tree keeps only three directories open, so it can be used again. Threads may
    share a tree. Each path is noted in `place` before it is touched. `inside` makes the reader that
    stays below a foreign root. Raises NotADirectoryError.
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

    def subdirectories(self, path: str) -> int | None:
        fd = self._open(path, _LISTED)
        try:
            links = os.fstat(fd).st_nlink
        finally:
            os.close(fd)
        # sysfs, tmpfs and ext4 count two links beside the directories; btrfs and overlayfs say 1.
        return links - 2 if links >= 2 else None

    def under(self, path: str) -> Directory:
        if self._inside is not None:
            return Prefixed(self, path)
        directory = self._opened.get(path)
        if directory is None:
            place = self._place
            place[0] = ""  # raises IndexError if the thread was given up; place[:] would not
            place[1] = path
            try:
                directory = _Live(path, self._place)
            except OSError:  # then each read below it raises
                return Prefixed(self, path)
            if path in _LASTING:
                self._opened[path] = directory
        return directory

    def source(self, path: str) -> str:
        return path

    def _open(self, path: str, flags: int = _READ) -> int:
        place = self._place
        place[0] = ""
        place[1] = path
        return os.open(path, flags) if self._inside is None else self._inside.open(path, flags)


class _Live:
    """An open directory of the running host, below which a path is walked in half the time."""

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
