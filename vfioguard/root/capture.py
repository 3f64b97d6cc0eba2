"""Captures: a plain tar (.tar, .tar.gz, .tar.xz) of directories, links and files of one host.

A read that failed is a member whose PAX header has the errno. So `tar -tvf` shows the host, and a
replay meets the same failures. Loading reads the file once and trusts nothing in it: a capture may
come with a stranger's bug report.
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

from vfioguard import atomic_file
from vfioguard.root import tar
from vfioguard.root.memory import Entry, Link, Memory, Refused
from vfioguard.root.packed import MAX_STREAMS, TooLarge, TooManyStreams, Unpacked
from vfioguard.typed import BinaryIO, NamedTuple, cast

ERRNO_HEADER = "VFIOGUARD.errno"
_PATH_MAX, _NAME_MAX = 4096, 255  # include/uapi/linux/limits.h
#: Bytes of memory for one more entry, beside its text.
_OVERHEAD = 400
#: Values that are made of an entry repeat its text up to _REPEATED times. That counts only for
#: bytes of a name beyond _NAME, and for bytes of a content beyond _CONTENT.
_NAME, _CONTENT, _REPEATED = 32, 128, 8


class CaptureLimits(NamedTuple):
    """Limits in bytes, and of `members`. 16,384 groups need 130 MiB unpacked, 260,000 members.

    `file`: a larger file is kept as "too large" (the largest ACPI tables have 1-2 MiB). `total`:
    all that is unpacked. `kept`: all that is held in memory. Reading it has its own limit, in steps
    (memory.py).
    """

    file: int = 4 << 20
    total: int = 512 << 20
    kept: int = 192 << 20
    members: int = 330_000


LIMITS = CaptureLimits()


class BadCapture(Exception):
    """The file is not a capture that can be trusted; the message is one line."""


def load(path: str, limits: CaptureLimits = LIMITS) -> Memory:
    """Read a capture into memory. Raises BadCapture, or OSError if `path` cannot be opened."""
    with open(path, "rb", opener=_without_waiting) as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISFIFO(mode):  # a shell makes one for --root <(ssh host cat capture.tar.xz)
            os.set_blocking(file.fileno(), True)
        elif not stat.S_ISREG(mode):
            raise BadCapture("not a capture: it is neither a directory, a file nor a pipe")
        return Memory(_entries(file, limits))


def _without_waiting(path: str, flags: int) -> int:
    """Open a FIFO at once, even if nobody writes to it: it is then empty."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def save(path: str, entries: Mapping[str, Entry]) -> None:
    """Write a capture to `path`. The file appears whole or not at all. Raises OSError."""
    with atomic_file.replacing(path) as file:
        _write(file, path, entries)


def pack(entries: Mapping[str, Entry]) -> bytes:
    """The bytes of a capture, as an uncompressed tar. Equal entries give equal bytes."""
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


def _entries(file: BinaryIO, limits: CaptureLimits) -> dict[str, Entry]:
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
    return entries.by_path


class _Entries:
    """The entries that were read so far. Parent directories are entries too, so that all count."""

    def __init__(self, limits: CaptureLimits) -> None:
        self.by_path: dict[str, Entry] = {"": None}
        self._limits = limits
        self._kept = self._members = 0
        self._last = "/", ""  # the last directory: its name in the archive, and its path

    def add(self, member: tar.TarMember) -> None:
        """Keep a member. A later member of the same name replaces it, as `tar -x` does."""
        path = self._path(member.name)
        entry = _entry(member)
        earlier = self.by_path.get(path, entry)
        if (earlier is None) != (entry is None):
            raise BadCapture(f"has a directory that is also something else: {path!a:.80}")
        self._keep(path, entry)

    def _path(self, name: str) -> str:
        """The path of the member `name`; its directory is kept as well.

        The members of a directory usually follow each other, so the last directory is remembered.
        """
        parent, _, leaf = name.rpartition("/")
        last, directory = self._last
        plain = leaf not in {"", ".", ".."} and len(leaf) <= _NAME_MAX
        if parent == last and plain and len(name) <= _PATH_MAX and name[0] != "/":
            return f"{directory}/{leaf}"
        path = _safe_path(name)
        directory = path.rpartition("/")[0]
        self._directories(directory)
        if path.endswith(f"/{leaf}"):
            self._last = parent, directory
        return path

    def _directories(self, path: str) -> None:
        missing: list[str] = []
        while path not in self.by_path:
            missing.append(path)
            path = path.rpartition("/")[0]
        if self.by_path[path] is not None:
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
        self.by_path[path] = entry


def weight(path: str, entry: Entry) -> int:
    """Bytes of memory for an entry, and for the values that are made of its name and content."""
    name = _shown(path.rpartition("/")[2])
    size = _shown(entry.target) if isinstance(entry, Link) else len(entry or b"")
    more = max(name - _NAME, 0) + max(size - _CONTENT, 0)
    return _OVERHEAD + len(path) + size + _REPEATED * more


def _shown(name: str) -> int:
    """Characters of `name` when it is shown, at most: one that cannot be printed takes four."""
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


def _entry(member: tar.TarMember) -> Entry:
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


def _file(member: tar.TarMember) -> bytes | Refused:
    refused = member.records.get(ERRNO_HEADER)
    if refused is not None:
        return Refused(_number(refused))
    if member.content is None:
        return Refused(errno.EFBIG)
    if not member.content and not member.mode & 0o444:
        # The recording tool could not read the file and kept only its mode.
        return Refused(errno.EACCES)
    return member.content


def _number(name: str) -> int:
    """The errno of a name, or of digits: some have no name (sysfs lets ENOTSUPP, 524, through)."""
    if name.isascii() and name.isdecimal() and len(name) < 5:
        return int(name) or errno.EIO
    return _NUMBERS.get(name, errno.EIO)


_NUMBERS = {name: number for number, name in errno.errorcode.items()}
