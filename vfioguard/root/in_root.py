"""openat2(2) with RESOLVE_IN_ROOT (Linux v5.6): the kernel itself keeps a path inside a directory.

It follows links as if the directory were the process's root, whatever somebody else does to the
tree meanwhile. Walking by names (by_name.py) can be led outside, if a directory becomes a link
between two system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os

from vfioguard.root import failed

#: The number on every architecture on which Linux has Python (include/uapi/asm-generic/unistd.h).
_OPENAT2 = 437
_RESOLVE_IN_ROOT = 0x10  # include/uapi/linux/openat2.h
_DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC
#: How often EAGAIN is tried again: somebody renamed a file while the kernel resolved "..".
_TRIES = 1000


class _How(ctypes.Structure):
    """struct open_how, version 0."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_SIZE = ctypes.sizeof(_How)


class InRoot:
    """Reads below the directory `base`. Its methods raise OSError.

    So does the constructor: with ENOSYS if the kernel lacks the system call, with ENOSYS or EPERM
    if a filter around this process (seccomp(2)) forbids it.
    """

    def __init__(self, base: str) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._base = os.open(base, os.O_PATH | _DIRECTORY)
        try:
            os.close(self.open("/", os.O_PATH | _DIRECTORY))
        except OSError:
            os.close(self._base)
            self._base = -1
            raise

    def __del__(self) -> None:
        fd = getattr(self, "_base", -1)
        if fd >= 0:
            os.close(fd)

    def open(self, path: str, flags: int) -> int:
        """Open the file that `path` leads to inside the directory. Returns its descriptor."""
        raw = os.fsencode(path or "/")  # the kernel refuses an empty path
        if b"\0" in raw:
            raise failed(errno.EINVAL)
        how = _How(flags, 0, _RESOLVE_IN_ROOT)
        number = errno.EAGAIN
        for _ in range(_TRIES):
            fd: int = self._syscall(_OPENAT2, self._base, raw, ctypes.byref(how), _SIZE)
            if fd >= 0:
                return fd
            number = ctypes.get_errno()
            if number not in {errno.EAGAIN, errno.EINTR}:
                break
        raise failed(number)

    def readlink(self, path: str) -> str:
        """The text of a link."""
        parent, _, leaf = path.rpartition("/")
        fd = self.open(parent or "/", os.O_PATH | _DIRECTORY)
        try:
            return os.readlink(leaf, dir_fd=fd)
        finally:
            os.close(fd)

    def listdir(self, path: str) -> list[str]:
        """The names in a directory."""
        fd = self.open(path, os.O_RDONLY | _DIRECTORY)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)
