"""inotify(7) on the files of module parameters.

A write to such a file sends no uevent, but it passes through the VFS, so inotify reports it.
inotify does not report what the kernel itself changes in sysfs, so no other file is watched. The
follower's poll finds what inotify misses.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
from collections.abc import Callable, Iterable

# include/uapi/linux/inotify.h
_IN_MODIFY, _IN_CLOSE_WRITE = 0x2, 0x8
_IN_DELETE_SELF = 0x400
_log = logging.getLogger("vfioguard")
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class Inotify:
    """Calls `changed`, in the running loop, when one of the files at `paths` was written."""

    def __init__(self, paths: Iterable[str], changed: Callable[[], None]) -> None:
        self._paths = tuple(paths)
        self._changed = changed
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1

    def start(self) -> None:
        """Start watching. Raises OSError if the kernel has no inotify or no instance is left."""
        self._fd = self._libc.inotify_init1(_FLAGS)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        asyncio.get_running_loop().add_reader(self._fd, self._drain)
        self.arm()

    def arm(self) -> None:
        """Watch the files that exist now. Call it again after a module came; that is harmless."""
        mask = _IN_MODIFY | _IN_CLOSE_WRITE | _IN_DELETE_SELF
        for path in self._paths:
            if self._fd >= 0:  # adding fails for a missing file, which comes with its module
                self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask)

    def close(self) -> None:
        """Stop watching."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _drain(self) -> None:
        try:
            while os.read(self._fd, 4096):
                pass
        except OSError as error:
            if error.errno != errno.EAGAIN:
                _log.warning("module parameters are not watched any more: %s", error.strerror)
                self.close()
        self._changed()
