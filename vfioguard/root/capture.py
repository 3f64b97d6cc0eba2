"""Captures: a plain tar (.tar, .tar.gz, .tar.xz) of directories, links and files of one host.

A read that was refused is a member with its errno in a PAX header, so that `tar -tvf` shows the
host and a replay sees the same failures. Loading streams once and trusts nothing: a capture comes
from a stranger's bug report.
"""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple, cast

from vfioguard import atomic_file
from vfioguard.root import tar
from vfioguard.root.memory import Entry, Link, Memory, Refused
from vfioguard.root.packed import MAX_STREAMS, TooLarge, TooManyStreams, Unpacked

ERRNO_HEADER = "VFIOGUARD.errno"
_PATH_MAX, _NAME_MAX = 4096, 255  # include/uapi/linux/limits.h
#: What one more entry costs in memory beside its text.
_OVERHEAD = 400
#: What a name and a content have beyond so many bytes is repeated in what is made of it.
_NAME, _CONTENT, _REPEATED = 32, 128, 8


class Limits(NamedTuple):
    """In bytes, but `members`. 16,384 groups need 130 MiB unpacked and 260,000 members.

    `file`: a larger one is kept as "too large" (the largest ACPI tables are 1-2 MiB). `total`: all
    that is unpacked. `kept`: what it takes in memory. What is made of it is bounded where it is
    read (memory.py).
    """

    file: int = 4 << 20
    total: int = 512 << 20
    kept: int = 192 << 20
    members: int = 330_000


LIMITS = Limits()


class BadCapture(Exception):
    """The file is not a capture that can be trusted; the message is one line."""


def load(path: str, limits: Limits = LIMITS) -> Memory:
    """Read a capture into memory; raises `BadCapture`, or `OSError` if `path` cannot be opened."""
    with open(path, "rb", opener=_without_waiting) as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISFIFO(mode):  # of a shell: --root <(ssh host cat capture.tar.xz)
            os.set_blocking(file.fileno(), True)
        elif not stat.S_ISREG(mode):
            raise BadCapture("not a capture: it is neither a directory, a file nor a pipe")
        return Memory(_entries(file, limits))


def _without_waiting(path: str, flags: int) -> int:
    """A FIFO that nobody writes to is empty, where open(2) would wait for somebody."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def save(path: str, entries: Mapping[str, Entry]) -> None:
    """Write a capture; the file appears whole or not at all. Raises `OSError`."""
    with atomic_file.replacing(path) as file:
        _write(file, path, entries)


def pack(entries: Mapping[str, Entry]) -> bytes:
    """A capture as the bytes of an uncompressed tar; equal entries give equal bytes."""
    buffer = io.BytesIO()
    _write_tar(buffer, entries)
    return buffer.getvalue()


def _write(file: BinaryIO, path: str, entries: Mapping[str, Entry]) -> None:
    if path.endswith(".xz"):
        with lzma.open(file, "wb", preset=6) as packed:
            _write_tar(cast(BinaryIO, packed), entries)
    elif path.endswith(".gz"):
        # mtime=0 and no name: the same host gives the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            _write_tar(cast(BinaryIO, packed), entries)
    else:
        _write_tar(file, entries)


def _write_tar(file: BinaryIO, entries: Mapping[str, Entry]) -> None:
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(path for path in entries if path):
            info, content = _member(path, entries[path])
            archive.addfile(info, io.BytesIO(content))


def _member(path: str, entry: Entry) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.mode = 0o444
    content = b""
    match entry:
        case None:
            info.type, info.mode = tarfile.DIRTYPE, 0o755
        case Link(target):
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
        case Refused(number):
            info.mode = 0
            name = errno.errorcode.get(number, str(number))
            info.pax_headers = {ERRNO_HEADER: name}
        case bytes():
            content = entry
            info.size = len(content)
    return info, content


def _entries(file: BinaryIO, limits: Limits) -> dict[str, Entry]:
    entries = _Entries(limits)
    try:
        plain = Unpacked(file, limits.total)
        for member in tar.members(plain.read, limits.file):
            entries.add(member)
    except tar.BadTar as error:
        raise BadCapture(f"not a capture: it {error}") from error
    except EOFError as error:
        raise BadCapture(f"truncated: {error}") from error
    except TooManyStreams as error:
        raise BadCapture(f"consists of more than {MAX_STREAMS} compressed files") from error
    except TooLarge as error:
        raise BadCapture(f"unpacks to more than {limits.total >> 20} MiB") from error
    except (lzma.LZMAError, zlib.error, OSError) as error:
        raise BadCapture(f"cannot be read: {error}".splitlines()[0]) from error
    return entries.found


class _Entries:
    """What was read so far; every parent is named, so that nothing is counted too low."""

    def __init__(self, limits: Limits) -> None:
        self.found: dict[str, Entry] = {"": None}
        self._limits = limits
        self._kept = self._members = 0
        self._last = "/", ""  # a directory as it was named last, and which it is

    def add(self, member: tar.Member) -> None:
        """Keep one member; of two with one name the later, as `tar -x` does."""
        path = self._path(member.name)
        entry = _entry(member)
        have = self.found.get(path, entry)
        if (have is None) != (entry is None):
            raise BadCapture(f"has a directory that is also something else: {path!a:.80}")
        self._keep(path, entry)

    def _path(self, name: str) -> str:
        """Where it belongs; its directory is kept too. Members of a directory come together."""
        parent, _, leaf = name.rpartition("/")
        asked, real = self._last
        plain = leaf not in {"", ".", ".."} and len(leaf) <= _NAME_MAX
        if parent == asked and plain and len(name) <= _PATH_MAX and name[0] != "/":
            return f"{real}/{leaf}"
        path = _safe_path(name)
        directory = path.rpartition("/")[0]
        self._directories(directory)
        if path.endswith(f"/{leaf}"):
            self._last = parent, directory
        return path

    def _directories(self, path: str) -> None:
        missing: list[str] = []
        while path not in self.found:
            missing.append(path)
            path = path.rpartition("/")[0]
        if self.found[path] is not None:
            raise BadCapture(f"has a member below something that is no directory: {path!a:.80}")
        for directory in missing:
            self._keep(directory, None)

    def _keep(self, path: str, entry: Entry) -> None:
        self._kept += weight(path, entry)
        self._members += 1
        if self._members > self._limits.members:
            raise BadCapture(f"holds more than {self._limits.members} files")
        if self._kept > self._limits.kept:
            raise BadCapture(f"holds more than {self._limits.kept >> 20} MiB")
        self.found[path] = entry


def weight(path: str, entry: Entry) -> int:
    """What an entry takes in memory, in bytes, with what is made of its name and its content."""
    name = _shown(path.rpartition("/")[2])
    size = _shown(entry.target) if isinstance(entry, Link) else len(entry or b"")
    more = max(name - _NAME, 0) + max(size - _CONTENT, 0)
    return _OVERHEAD + len(path) + size + _REPEATED * more


def _shown(name: str) -> int:
    """Characters at most: what cannot be printed takes four each."""
    return len(name) if name.isascii() and name.isprintable() else 4 * len(name)


def _safe_path(name: str) -> str:
    if name.startswith("/"):
        raise BadCapture(f"has a member with an absolute name: {name!a:.80}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise BadCapture(f"has a member outside of itself: {name!a:.80}")
    if len(name) > _PATH_MAX or any(len(part) > _NAME_MAX for part in parts):
        raise BadCapture(f"has a name that no file system takes: {name!a:.80}")
    return "".join(f"/{part}" for part in parts)


def _entry(member: tar.Member) -> Entry:
    match member.kind:
        case "directory":
            return None
        case "link":
            return Link(member.target[:_PATH_MAX])
        case "file":
            return _file(member)
        case _:
            raise BadCapture(
                f"has a member that is no file, link or directory: {member.name!a:.80}"
            )


def _file(member: tar.Member) -> bytes | Refused:
    refused = member.records.get(ERRNO_HEADER)
    if refused is not None:
        return Refused(_number(refused))
    if member.content is None:
        return Refused(errno.EFBIG)
    if not member.content and not member.mode & 0o444:
        # Recorded by a tool that could not read it and kept only the mode.
        return Refused(errno.EACCES)
    return member.content


def _number(name: str) -> int:
    """A symbol, or the number where there is none (sysfs lets ENOTSUPP, 524, through)."""
    if name.isascii() and name.isdecimal() and len(name) < 5:
        return int(name) or errno.EIO
    return _NUMBERS.get(name, errno.EIO)


_NUMBERS = {name: number for number, name in errno.errorcode.items()}
