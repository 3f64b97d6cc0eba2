"""Marks for the paths that hang in a process of this user: one locked file for each path.

A process in which a read hangs (patience.py) cannot end, and the next process would hang at the
same path. Each restart of the daemon and each call of a command would leave one more. So a process
that gives a path up marks it, and later processes do not read it. The lock ends with its process
(flock(2)).
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def directory(environment: Mapping[str, str] = os.environ) -> str | None:
    """The directory of the marks, where only this user writes. Returns None if there is none."""
    # The directory of a unit (systemd.exec(5)), else of root, else of a session.
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
        if given := environment.get(name, "").partition(":")[0]:
            return f"{given}/hung"
    if os.geteuid() == 0:
        return "/run/vfioguard-hung"
    session = environment.get("XDG_RUNTIME_DIR")
    return f"{session}/vfioguard-hung" if session else None


class Marks:
    """The marks for the host in the directory `root`. Failing to make a mark is not an error."""

    def __init__(self, home: str | None, root: str) -> None:
        self._home = home
        self._prefix = f"{_quoted(os.path.abspath(root))}="
        self._locks: dict[str, int] = {}

    def put(self, path: str) -> None:
        """Mark the path: a read of it hangs in this process."""
        if self._home is None or path in self._locks:
            return
        try:
            os.makedirs(self._home, 0o700, exist_ok=True)
            lock = _locked(self._file(path), os.O_CREAT)
        except OSError:
            return  # then the next process hangs at the path and gives it up as well
        if lock is not None:
            self._locks[path] = lock

    def drop(self, path: str) -> None:
        """Remove the mark: the read has returned."""
        lock = self._locks.pop(path, None)
        if lock is not None:
            _remove(self._file(path), lock)

    def others(self) -> frozenset[str]:
        """The paths that hang in other processes. Marks whose process has ended are removed."""
        if self._home is None:
            return frozenset()
        try:
            names = os.listdir(self._home)
        except OSError:
            return frozenset()
        mine = (name for name in names if name.startswith(self._prefix))
        return frozenset(filter(self._held, (_path(name[len(self._prefix) :]) for name in mine)))

    def _held(self, path: str) -> bool:
        if path in self._locks:
            return False
        try:
            lock = _locked(self._file(path))
        except OSError:
            return False
        if lock is not None:
            _remove(self._file(path), lock)
        return lock is None

    def _file(self, path: str) -> str:
        return f"{self._home}/{self._prefix}{_quoted(path)}"


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("/", "%2F").replace("=", "%3D")


def _path(name: str) -> str:
    return name.replace("%3D", "=").replace("%2F", "/").replace("%25", "%")


def _locked(file: str, flags: int = 0) -> int | None:
    """A descriptor that holds the file's lock. Returns None if another process holds it.

    Raises OSError.
    """
    from fcntl import LOCK_EX, LOCK_NB, flock

    lock = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | flags, 0o600)
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _remove(file: str, lock: int) -> None:
    from contextlib import suppress

    with suppress(OSError):  # the file is gone, or stays without a lock
        os.unlink(file)
    os.close(lock)
