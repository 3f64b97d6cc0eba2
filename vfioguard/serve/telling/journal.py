"""systemd's journal, by its own protocol: a datagram of fields for each record.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ and, for JOURNAL_STREAM, systemd.exec(5).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Mapping, Sequence
from typing import TypeAlias

#: A field may be there several times, and a search finds each of its values.
Fields: TypeAlias = "Sequence[tuple[str, str]]"

SOCKET = "/run/systemd/journal/socket"

#: Bytes of one value where a record fits no datagram and no memory file can be had.
_CUT = 1024
_TOO_LARGE = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def is_stderr(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether `descriptor` leads to the journal: JOURNAL_STREAM is its device and inode."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def record(fields: Fields) -> bytes:
    """The fields as the journal takes them; a value with a newline goes with its length."""
    return b"".join(_field(name, value) for name, value in fields)


def _field(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "backslashreplace")
    if b"\n" not in raw:
        return b"%b=%b\n" % (name.encode(), raw)
    return b"%b\n%b%b\n" % (name.encode(), len(raw).to_bytes(8, "little"), raw)


class Journal:
    """Sends records; never waits for a journal that does not listen."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path

    def send(self, fields: Fields) -> None:
        """Send one record; raises `OSError` (EAGAIN where the journal does not keep up)."""
        data = record(fields)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            one.connect(self._path)
            try:
                one.send(data)
            except OSError as error:
                if error.errno not in _TOO_LARGE:
                    raise
                _send_large(one, data, fields)


def _send_large(one: socket.socket, data: bytes, fields: Fields) -> None:
    """As a sealed memory file, which the journal reads itself; else cut."""
    try:
        handle = os.memfd_create("vfioguard", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:  # a sandbox may forbid it
        one.send(record([(name, value[:_CUT]) for name, value in fields]))
        return
    with contextlib.closing(os.fdopen(handle, "wb", buffering=0)) as file:
        file.write(data)
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
        socket.send_fds(one, [b""], [handle])
