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
    """The listening sockets that were passed to the process `pid`, which is this one.

    `first` is the descriptor of the first socket. The variables are removed from `environ`, as they
    are not meant for children. Raises `CannotListen`.
    """
    meant_for = environ.pop("LISTEN_PID", "")
    number = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if meant_for != str(pid) or not number.isdecimal() or int(number) == 0:
        raise CannotListen(
            "--web.systemd-socket: systemd has passed no socket; is vfioguard.socket started?"
        )
    sockets: list[socket.socket] = []
    try:
        for place in range(int(number)):
            name = names[place] if place < len(names) and names[place] else "unnamed"
            sockets.append(_socket(first + place, f"the socket {name!r} of systemd"))
    except CannotListen:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def _socket(number: int, what: str) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise CannotListen(f"{what} is no socket")
        listener = socket.socket(fileno=number)
    except OSError as error:
        raise CannotListen(f"{what}: {error.strerror}") from error
    if listener.family not in _FAMILIES or listener.type != socket.SOCK_STREAM:
        listener.close()
        raise CannotListen(f"{what} is neither TCP nor a UNIX stream: use ListenStream=")
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.close()
        raise CannotListen(f"{what} does not listen: use Accept=no")
    return listener
