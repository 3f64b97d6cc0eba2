"""A directory as the host: `/` for the running one, anything else for a mounted or unpacked one.

Under `/` the kernel resolves every link. Anywhere else links are resolved here, so that an absolute
link means the same host and nothing outside the directory is ever opened, whatever it links to.
"""

from __future__ import annotations

import errno
import os
import stat

from vfioguard.root import ATTRIBUTE, Begin, Directory, Place, Prefixed, Select

# O_NONBLOCK: a FIFO or a device node in a foreign tree must not hold us up.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_HEAD = 64
_CHUNK = 64 << 10  # a larger buffer is mapped and faulted in anew with each read
#: Of the running host these stay open: the kernel makes them once, and below them thousands of
#: files are read.
_LASTING = frozenset({"/sys/bus/pci/devices", "/sys/kernel/iommu_groups", "/sys/kernel/irq"})
_MAX_LINKS = 40  # MAXSYMLINKS, include/linux/namei.h
#: What is read at most of a file that is searched or of a log: /proc/kallsyms has 20 MiB.
_MAX_STREAM = 256 << 20


def _slurp(fd: int, limit: int) -> bytes:
    """One read for what fits an attribute; files that the kernel generates report no size."""
    data = os.read(fd, limit + 1) if limit <= ATTRIBUTE else _read_all(fd, limit + 1)
    if len(data) > limit:
        raise _error(errno.EFBIG)
    if not data and stat.S_ISFIFO(os.fstat(fd).st_mode):
        raise _error(errno.EINVAL)  # nobody writes to it: not the same as an empty file
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
            raise _error(errno.EFBIG)
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
            raise _error(errno.EFBIG)
        if part:
            kept.append(part)
    return b"".join(kept)


class Tree:
    """The running host (`Tree("/")`) or a directory that looks like one.

    A foreign root is for one scan: where its directories are is remembered, so the next scan takes
    a new one. Of the running host three directories stay open, nothing else is kept. Threads may
    share it. `place` is told of each path before it is touched.
    """

    def __init__(self, path: str, place: Place | None = None) -> None:
        self.path = os.path.abspath(path)
        self._place = ["", ""] if place is None else place
        self._base = "" if os.path.realpath(path) == "/" else self.path
        # Directories known to be real: path as asked -> path without links, both below the root.
        self._real: dict[str, str] = {"": ""}
        self._opened: dict[str, Directory] = {}
        if not os.path.isdir(self.path):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)

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
        return os.readlink(self._base + (self._locate(path) if self._base else path))

    def listdir(self, path: str) -> list[str]:
        place = self._place
        place[0] = ""
        place[1] = path
        if not self._base:
            return os.listdir(path)
        real = self._resolve(path.rstrip("/"))
        names: list[str] = []
        with os.scandir(self._base + real) as entries:
            for entry in entries:
                names.append(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    self._real[f"{path}/{entry.name}"] = f"{real}/{entry.name}"
        return names

    def under(self, path: str) -> Directory:
        if self._base:
            return Prefixed(self, path)
        found = self._opened.get(path)
        if found is None:
            self._place[:] = "", path
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
        if not self._base:
            return os.open(path, _READ)
        for _ in range(_MAX_LINKS + 1):
            real = self._locate(path)
            try:
                return os.open(self._base + real, _READ | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
            path = _join(real.rpartition("/")[0], os.readlink(self._base + real))
        raise _error(errno.ELOOP)

    def _locate(self, path: str) -> str:
        """`path` with every link but the last component's resolved inside the root."""
        parent, _, leaf = path.rpartition("/")
        if leaf in {"", ".", ".."}:  # only a link's text ends so, and ".." could lead outside
            return self._resolve(path)
        real = self._real.get(parent)
        return f"{self._resolve(parent) if real is None else real}/{leaf}"

    def _resolve(self, path: str) -> str:
        """`path` without any link; raises what the kernel would."""
        known = self._real.get(path)
        if known is not None:
            return known
        real = ""
        todo = path.strip("/").split("/")[::-1]
        links = 0
        while todo:
            name = todo.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                real = real.rpartition("/")[0]
                continue
            step = f"{real}/{name}"
            if self._real.get(step) == step:
                real = step
                continue
            try:
                target = os.readlink(self._base + step)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._real[step] = real = step
                continue
            links += 1
            if links > _MAX_LINKS:
                raise _error(errno.ELOOP)
            if target.startswith("/"):
                real = ""
            todo.extend(target.strip("/").split("/")[::-1])
        self._real[path] = real
        return real


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
            raise _error(errno.EFBIG)
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


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _join(directory: str, target: str) -> str:
    return target if target.startswith("/") else f"{directory}/{target}"
