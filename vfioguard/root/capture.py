"""Captures: a plain tar (.tar, .tar.gz, .tar.xz) of directories, links and files of one host.

A read that was refused is a member with its errno in a PAX header, so that `tar -tvf` shows the
host and a replay sees the same failures. Loading streams once and trusts nothing: a capture comes
from a stranger's bug report.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Mapping
from typing import BinaryIO, cast

from vfioguard.root.memory import Entry, Link, Memory, Refused

ERRNO_HEADER = "VFIOGUARD.errno"
#: A file larger than this is kept as "too large" (4 MiB: the largest ACPI tables are 1-2 MiB).
MAX_FILE = 4 << 20
#: Unpacked size and members of a whole capture; 16,384 groups need 30 MiB and 200,000 members.
MAX_TOTAL = 512 << 20
MAX_MEMBERS = 1 << 21
#: Content kept in memory, links and names included.
MAX_KEPT = 128 << 20

_BLOCK = tarfile.BLOCKSIZE
_XZ, _GZIP = b"\xfd7zXZ\x00", b"\x1f\x8b"


class BadCapture(Exception):
    """The file is not a capture that can be trusted; the message is one line."""


def load(path: str) -> Memory:
    """Read a capture into memory; raises `BadCapture`, or `OSError` if `path` cannot be opened."""
    with open(path, "rb") as file:
        return Memory(_entries(file))


def save(path: str, entries: Mapping[str, Entry]) -> None:
    """Write a capture; the file appears whole or not at all. Raises `OSError`."""
    directory = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".vfioguard-")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, path, entries)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


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
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(path for path in entries if path):
            info, content = _member(path, entries[path])
            tar.addfile(info, io.BytesIO(content))


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


class _Bounded(io.RawIOBase):
    """Counts what comes out of the decompressor, and remembers whether it ended in zeros."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self._count = 0
        self.last = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size if size >= 0 else MAX_TOTAL)
        self._count += len(data)
        if self._count > MAX_TOTAL:
            raise BadCapture(f"unpacks to more than {MAX_TOTAL >> 20} MiB")
        if data:
            self.last = (self.last + data)[-_BLOCK:]
        return data


def _entries(file: BinaryIO) -> dict[str, Entry]:
    try:
        with _decompressed(file) as plain:
            bounded = _Bounded(plain)
            with tarfile.open(fileobj=cast(BinaryIO, bounded), mode="r|") as tar:
                entries = _members(tar)
            while bounded.read(1 << 20):
                pass
    except BadCapture:
        raise
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        raise BadCapture(_reason(error)) from error
    except (ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:
        # tarfile lets these through on headers that only a crafted archive has.
        raise BadCapture(f"malformed tar header ({error})") from error
    if bounded.last.strip(b"\0") or len(bounded.last) < _BLOCK:
        raise BadCapture("truncated: it does not end as a tar does")
    return entries


def _reason(error: Exception) -> str:
    message = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, EOFError) or "unexpected end of data" in message:
        return f"truncated ({message})"
    return f"not a capture ({message})"


@contextlib.contextmanager
def _decompressed(file: BinaryIO) -> Generator[BinaryIO]:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(_XZ):
        with lzma.open(file) as packed:
            yield cast(BinaryIO, packed)
    elif magic.startswith(_GZIP):
        with gzip.open(file) as packed:
            yield cast(BinaryIO, packed)
    else:
        yield file


def _members(tar: tarfile.TarFile) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    kept = 0
    for member in tar:
        path = _safe_path(member.name)
        entry = _entry(tar, member)
        kept += len(path) + (len(entry) if isinstance(entry, bytes) else len(member.linkname))
        if kept > MAX_KEPT:
            raise BadCapture(f"holds more than {MAX_KEPT >> 20} MiB")
        if len(entries) >= MAX_MEMBERS:
            raise BadCapture(f"has more than {MAX_MEMBERS} members")
        if path:
            entries[path] = entry
        tar.members = []  # type: ignore[attr-defined]  # tarfile keeps every header otherwise
    return entries


def _safe_path(name: str) -> str:
    if name.startswith("/"):
        raise BadCapture(f"has a member with an absolute name: {name!r:.80}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise BadCapture(f"has a member outside of itself: {name!r:.80}")
    return "".join(f"/{part}" for part in parts)


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if member.isdir():
        return None
    if member.issym():
        return Link(member.linkname)
    if not member.isreg():
        raise BadCapture(f"has a member that is no file, link or directory: {member.name!r:.80}")
    if member.issparse():
        raise BadCapture(f"has a sparse member: {member.name!r:.80}")
    refused = member.pax_headers.get(ERRNO_HEADER)
    if refused is not None:
        return Refused(_NUMBERS.get(refused, errno.EIO))
    if member.size > MAX_FILE:
        return Refused(errno.EFBIG)
    content = tar.extractfile(member)
    assert content is not None, "a regular member has content"
    data = content.read()
    if not data and not member.mode & 0o444:
        # Recorded by a tool that could not read it and kept only the mode.
        return Refused(errno.EACCES)
    return data


_NUMBERS = {name: number for number, name in errno.errorcode.items()}
