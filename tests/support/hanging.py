"""A host on a disk, seen through a file system that can keep any read waiting: FUSE, by hand.

The kernel hands each request to this process and waits for the answer. If the process takes a
request and does not answer, the caller stays in uninterruptible sleep (D), which SIGKILL does not
end, as at a dead device's attribute (fs/fuse/dev.c request_wait_answer() (6.12.118): "Either
request is already in userspace, or it was forced. Wait it out."). Numbers and layouts are those
of include/uapi/linux/fuse.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

_LOOKUP, _FORGET, _GETATTR, _READLINK, _OPEN, _READ, _STATFS = 1, 2, 3, 5, 14, 15, 17
_RELEASE, _FLUSH, _INIT, _OPENDIR, _READDIR, _RELEASEDIR = 18, 25, 26, 27, 28, 29
_INTERRUPT, _BATCH_FORGET = 36, 42
_UNANSWERED = frozenset({_FORGET, _INTERRUPT, _BATCH_FORGET})
_HEADER = struct.Struct("<IIQQIIIHH")
_ATTRIBUTES = struct.Struct("<6Q10I")
_BUFFER = 1 << 18
_PARALLEL_DIROPS = 1 << 18
_DIRECT_IO = 1
_MNT_FORCE, _MNT_DETACH = 1, 2  # the first aborts waiting requests, and ends `serve`
_EMPTY = b""

_libc = ctypes.CDLL(None, use_errno=True)


class _Request(NamedTuple):
    opcode: int
    unique: int
    node: int
    body: bytes


class Hanging:
    """Serves `source` through the mount; after `hang(path)` each read of it waits for `release`.

    A path is below the mount, as "/sys/..."; a directory's listing waits, too. `waiting(path)` is
    the number of reads that wait.
    """

    def __init__(self, source: str, device: int) -> None:
        self._source = source
        self._device = device
        self._nodes = {1: ""}
        self._numbers = {"": 1}
        self._hung: set[str] = set()
        self._kept: list[_Request] = []
        self._lock = threading.Lock()
        self._calls: dict[int, Callable[[_Request], bytes]] = {
            _INIT: self._init, _LOOKUP: self._lookup, _GETATTR: self._getattr,
            _READLINK: self._readlink, _OPEN: self._open, _OPENDIR: self._open, _READ: self._read,
            _READDIR: self._readdir, _STATFS: _statfs,
            _RELEASE: _nothing, _RELEASEDIR: _nothing, _FLUSH: _nothing,
        }  # fmt: skip

    def hang(self, path: str) -> None:
        """From now on let reads of `path` wait."""
        with self._lock:
            self._hung.add(path)

    def release(self, path: str) -> None:
        """Answer the reads of `path` that wait, and all later ones."""
        with self._lock:
            self._hung.discard(path)
            ready = [request for request in self._kept if self._nodes[request.node] == path]
            self._kept = [request for request in self._kept if request not in ready]
        for request in ready:
            self._answer(request)

    @contextmanager
    def during(self, path: str) -> Generator[None]:
        """Let reads of `path` wait during the block."""
        self.hang(path)
        try:
            yield
        finally:
            self.release(path)

    def waiting(self, path: str) -> int:
        with self._lock:
            return sum(self._nodes[request.node] == path for request in self._kept)

    def serve(self) -> None:
        """Answer until the file system is unmounted."""
        while True:
            try:
                data = os.read(self._device, _BUFFER)
            except OSError as error:
                if error.errno in {errno.EINTR, errno.ENOENT, errno.EAGAIN}:
                    continue
                return
            length, opcode, unique, node, *_ = _HEADER.unpack_from(data)
            body = data[_HEADER.size : length]
            request = _Request(opcode=opcode, unique=unique, node=node, body=body)
            if opcode in _UNANSWERED:
                continue
            with self._lock:
                waits = opcode in {_READ, _READDIR, _READLINK} and self._nodes[node] in self._hung
                if waits:
                    self._kept.append(request)
            if not waits:
                self._answer(request)

    def _answer(self, request: _Request) -> None:
        try:
            number, body = 0, self._calls.get(request.opcode, _unknown)(request)
        except OSError as error:
            number, body = error.errno or errno.EIO, _EMPTY
        reply = struct.pack("<IiQ", 16 + len(body), -number, request.unique) + body
        try:
            os.write(self._device, reply)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENODEV, errno.EPERM}:  # nobody waits now
                raise

    def _init(self, _: _Request) -> bytes:
        return struct.pack(
            "<4I2H2I2HI7I", 7, 31, 0, _PARALLEL_DIROPS, 64, 48, 1 << 16, 1, 0, 0, 0, *[0] * 7
        )

    def _path(self, node: int) -> str:
        return self._source + self._nodes[node]

    def _attributes(self, node: int) -> bytes:
        status = os.lstat(self._path(node))
        times = int(status.st_atime), int(status.st_mtime), int(status.st_ctime)
        return _ATTRIBUTES.pack(
            node, status.st_size, status.st_blocks, *times, 0, 0, 0, status.st_mode,
            status.st_nlink, status.st_uid, status.st_gid, 0, 4096, 0,
        )  # fmt: skip

    def _lookup(self, request: _Request) -> bytes:
        path = f"{self._nodes[request.node]}/{os.fsdecode(request.body.rstrip(bytes(1)))}"
        os.lstat(self._source + path)
        with self._lock:
            node = self._numbers.setdefault(path, len(self._numbers) + 1)
            self._nodes[node] = path
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + self._attributes(node)

    def _getattr(self, request: _Request) -> bytes:
        return struct.pack("<Q2I", 0, 0, 0) + self._attributes(request.node)

    def _readlink(self, request: _Request) -> bytes:
        return os.fsencode(os.readlink(self._path(request.node)))

    def _open(self, _: _Request) -> bytes:
        return struct.pack("<Q2I", 0, _DIRECT_IO, 0)

    def _read(self, request: _Request) -> bytes:
        _, offset, size = struct.unpack_from("<2QI", request.body)
        with open(self._path(request.node), "rb") as file:
            file.seek(offset)
            return file.read(size)

    def _readdir(self, request: _Request) -> bytes:
        _, offset, size = struct.unpack_from("<2QI", request.body)
        entries = bytearray()
        for number, name in enumerate(sorted(os.listdir(self._path(request.node)))):
            if number < offset:
                continue
            raw = os.fsencode(name)
            mode = os.lstat(f"{self._path(request.node)}/{name}").st_mode
            entry = struct.pack("<2Q2I", 1 << 40, number + 1, len(raw), stat.S_IFMT(mode) >> 12)
            entry += raw + bytes(-(len(entry) + len(raw)) % 8)
            if len(entries) + len(entry) > size:
                break
            entries += entry
        return bytes(entries)


def _nothing(_: _Request) -> bytes:
    return _EMPTY


def _statfs(_: _Request) -> bytes:
    return struct.pack("<5Q4I24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)


def _unknown(_: _Request) -> bytes:
    raise OSError(errno.ENOSYS, "")


@contextmanager
def hanging(source: str, mount: str) -> Generator[Hanging]:
    """Mount `source` at the directory `mount`, for all users (root only)."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if _libc.mount(b"vfioguard-test", os.fsencode(mount), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    served = Hanging(source, device)
    thread = threading.Thread(target=served.serve, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        _libc.umount2(os.fsencode(mount), _MNT_FORCE | _MNT_DETACH)
        thread.join(10)
        os.close(device)
