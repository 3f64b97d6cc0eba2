"""Sockets that systemd has opened for us: sd_listen_fds(3), without its library."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import MutableMapping

from vfioguard.serve.connection.listeners import CannotListen

#: SD_LISTEN_FDS_START.
_FIRST = 3
_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6, socket.AF_UNIX})


def passed(environ: MutableMapping[str, str], pid: int, first: int = _FIRST) -> list[socket.socket]:
    """The listening sockets that were passed to this process; raises `CannotListen`.

    The variables are removed, as they are not meant for children.
    """
    meant_for = environ.pop("LISTEN_PID", "")
    number = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if meant_for != str(pid) or not number.isdecimal() or int(number) == 0:
        raise CannotListen(
            "--web.systemd-socket: systemd has passed no socket; is vfioguard.socket started?"
        )
    found: list[socket.socket] = []
    try:
        for at in range(int(number)):
            name = names[at] if at < len(names) and names[at] else "unnamed"
            found.append(_socket(first + at, f"the socket {name!r} of systemd"))
    except CannotListen:
        for one in found:
            one.close()
        raise
    return found


def _socket(number: int, what: str) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise CannotListen(f"{what} is no socket")
        one = socket.socket(fileno=number)
    except OSError as error:
        raise CannotListen(f"{what}: {error.strerror}") from error
    if one.family not in _FAMILIES or one.type != socket.SOCK_STREAM:
        one.close()
        raise CannotListen(f"{what} is neither TCP nor a UNIX stream: use ListenStream=")
    if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        one.close()
        raise CannotListen(f"{what} does not listen: use Accept=no")
    return one
