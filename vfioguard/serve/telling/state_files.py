"""Keeps the last state of this boot and of the previous one over restarts, in $STATE_DIRECTORY.

systemd.exec(5), StateDirectory=. A damaged file is set aside. A file that cannot be read is never
fatal: the daemon then knows no more than at its very first start.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import threading
import time
from collections.abc import Mapping

from vfioguard import atomic_file
from vfioguard.change.codec import LIMIT, BadState, decode, encode
from vfioguard.change.state import State
from vfioguard.typed import NamedTuple

LAST = "state.json"
PREVIOUS = "previous-boot.json"

#: How many damaged versions of a file are kept. The newest is `.bad-1`.
_BAD = 3
#: An unfinished file that is older than these seconds was left by a process that is gone.
_ABANDONED = 60

_log = logging.getLogger("vfioguard")


class Kept(NamedTuple):
    """The states that were kept. A state is None if there is none."""

    last: State | None
    previous_boot: State | None


def default_directory(environment: Mapping[str, str]) -> str | None:
    """The first directory that systemd made for us, or None. Colons stand between several."""
    return environment.get("STATE_DIRECTORY", "").partition(":")[0] or None


class StateFiles:
    """The two files in `directory`. One process at a time may use them, with several threads."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._last: State | None = None

    @property
    def previous(self) -> str:
        """The path of the state of the previous boot."""
        return os.path.join(self.directory, PREVIOUS)

    def load(self, boot_id: str | None) -> Kept:
        """Load the states, as seen from the boot `boot_id`. Whatever is wrong is logged."""
        with self._lock:
            self._remove_abandoned()
            last = self._last = self._read(LAST)
            if last is not None and _is_other(last.boot_id, boot_id):
                return Kept(last, last)
            return Kept(last, self._read(PREVIOUS))

    def save(self, state: State) -> None:
        """Replace the last state. Raises `OSError`.

        The first save of a boot makes the last state of the boot before it the previous one.
        """
        with self._lock:
            last = self._last
            if last is not None and _is_other(last.boot_id, state.boot_id):
                atomic_file.write(self.previous, encode(last), 0o640)
            atomic_file.write(os.path.join(self.directory, LAST), encode(state), 0o640)
            self._last = state

    def _read(self, name: str) -> State | None:
        path = os.path.join(self.directory, name)
        try:
            return decode(_bytes(path))
        except FileNotFoundError:
            return None
        except BadState as error:
            aside = self._set_aside(path)
            _log.warning("%s: %s; %s, and what changed since is not known", path, error, aside)
        except OSError as error:
            why = error.strerror or error
            _log.warning("%s: %s; what changed since is not known", path, why)
        return None

    def _set_aside(self, path: str) -> str:
        try:
            for number in range(_BAD, 1, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{path}.bad-{number - 1}", f"{path}.bad-{number}")
            os.rename(path, f"{path}.bad-1")
        except OSError as error:
            return f"it could not be set aside ({error.strerror})"
        return f"it is {os.path.basename(path)}.bad-1 now"

    def _remove_abandoned(self) -> None:
        """Remove the files of a process that was killed while it wrote."""
        try:
            names = os.listdir(self.directory)
        except OSError:
            return  # the reads below say why
        for name in names:
            if name.startswith((f".{LAST}.", f".{PREVIOUS}.")):
                path = os.path.join(self.directory, name)
                with contextlib.suppress(OSError):
                    if time.time() - os.lstat(path).st_mtime > _ABANDONED:
                        os.unlink(path)


def _is_other(boot: str | None, now: str | None) -> bool:
    """Whether both boots are known, and are two."""
    return boot is not None and now is not None and boot != now


def _bytes(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        return file.read(LIMIT + 1)
