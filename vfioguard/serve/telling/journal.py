"""Sends records to systemd's journal by its native protocol: one datagram of fields a record.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ and, for JOURNAL_STREAM, systemd.exec(5).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Mapping, Sequence

from vfioguard.typed import TypeAlias

#: Names and values. A name may occur several times, and a search finds each of its values.
Fields: TypeAlias = "Sequence[tuple[str, str]]"

SOCKET = "/run/systemd/journal/socket"

#: Characters that are left of a value if a record fits no datagram and no memory file can be made.
_CUT = 1024
_TOO_LARGE = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def is_stderr(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether `descriptor` leads to the journal, whose device and inode JOURNAL_STREAM has."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def record(fields: Fields) -> bytes:
    """The bytes of a record with these fields. A value with a newline has its length before it."""
    return b"".join(_field(name, value) for name, value in fields)


def _field(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "backslashreplace")
    if b"\n" not in raw:
        return b"%b=%b\n" % (name.encode(), raw)
    return b"%b\n%b%b\n" % (name.encode(), len(raw).to_bytes(8, "little"), raw)


class Journal:
    """Sends records to the socket at `path`. It never waits for a journal that does not listen."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path

    def send(self, fields: Fields) -> None:
        """Send one record. Raises `OSError`, with EAGAIN if the journal does not keep up."""
        data = record(fields)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.setblocking(False)
            journal.connect(self._path)
            try:
                journal.send(data)
            except OSError as error:
                if error.errno not in _TOO_LARGE:
                    raise
                _send_large(journal, data, fields)


def _send_large(journal: socket.socket, data: bytes, fields: Fields) -> None:
    """Send a record as a sealed memory file, which the journal reads. Else send cut values."""
    try:
        handle = os.memfd_create("vfioguard", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:  # a sandbox may forbid it
        journal.send(record([(name, value[:_CUT]) for name, value in fields]))
        return
    with contextlib.closing(os.fdopen(handle, "wb", buffering=0)) as file:
        file.write(data)
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
        socket.send_fds(journal, [b""], [handle])
