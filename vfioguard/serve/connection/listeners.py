"""Where the daemon listens: several TCP addresses of this machine only, and UNIX sockets."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

_TCP = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_UNIX = "unix:"
_BACKLOG = 128
#: What a name may resolve to without this machine having it: no IPv6 here.
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class CannotListen(Exception):
    """An address that cannot be served; the message is one line."""


class _File(NamedTuple):
    """A socket's file, as it was made: another process may have replaced it since."""

    path: str
    device: int
    inode: int


class Listeners:
    """Listening sockets for all addresses, or none: raises `CannotListen`.

    `exposed`: others may reach us. `passed` are sockets that somebody else has opened. A context;
    its end closes the sockets and removes the files that are still its own.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        exposed: bool = False,
        passed: Sequence[socket.socket] = (),
    ) -> None:
        self.sockets: list[socket.socket] = list(passed)
        self._files: list[_File] = []
        self._exposed = exposed
        try:
            for one in passed:
                if one.family != socket.AF_UNIX:
                    self._permit(describe(one), str(one.getsockname()[0]))
            for address in addresses:
                self._add(address)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening. Harmless when done twice."""
        for one in self.sockets:
            one.close()
        for file in self._files:
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(file.path)
                if (found.st_dev, found.st_ino) == (file.device, file.inode):
                    os.unlink(file.path)
        self._files.clear()

    def _add(self, address: str) -> None:
        try:
            if address.startswith(_UNIX):
                self._add_unix(address.removeprefix(_UNIX))
            else:
                self._add_tcp(address)
        except OSError as error:
            raise CannotListen(f"{address}: {error.strerror or error}") from error

    def _add_tcp(self, address: str) -> None:
        absent: OSError | None = None
        bound = False
        answers = _resolve(address)
        self._permit(address, *(host for _, host, _ in answers))
        for family, host, port in answers:
            # asyncio turns Nagle's algorithm off only where it sees IPPROTO_TCP: 40 ms a request.
            one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((host, port))
                one.listen(_BACKLOG)
            except OSError as error:
                one.close()
                if error.errno not in _NOT_HERE:
                    raise
                absent = error
                continue
            self.sockets.append(one)
            bound = True
        if absent is not None and not bound:
            raise absent

    def _permit(self, address: str, *hosts: str) -> None:
        if not self._exposed and not all(ipaddress.ip_address(h).is_loopback for h in hosts):
            raise CannotListen(
                f"{address}: others could reach it; give --web.config.file with TLS and users or "
                "client certificates, or, where something else protects it, "
                "--web.allow-unauthenticated"
            )

    def _add_unix(self, path: str) -> None:
        if not path:
            raise CannotListen(f"{_UNIX}: no path")
        _clear(path)
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets.append(one)
        # The file appears with its mode: there is no moment in which others may connect.
        umask = os.umask(0o117)
        try:
            one.bind(path)
        finally:
            os.umask(umask)
        made = os.lstat(path)
        self._files.append(_File(path, made.st_dev, made.st_ino))
        one.listen(_BACKLOG)


def describe(one: socket.socket, *, tls: bool = False) -> str:
    """The address as a URL, with the port that the kernel chose, or `unix:PATH`."""
    if one.family == socket.AF_UNIX:
        name: str | bytes = one.getsockname()
        # The name of an abstract socket begins with a zero byte, which is written as @ (unix(7)).
        return f"{_UNIX}{name if isinstance(name, str) else name.decode().replace(chr(0), '@')}"
    host, port = one.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _resolve(address: str) -> list[tuple[socket.AddressFamily, str, int]]:
    found = _TCP.fullmatch(address)
    if found is None or int(found["port"]) > 65535:
        raise CannotListen(f"{address}: not HOST:PORT, [IPv6]:PORT or unix:PATH")
    host = found["six"] if found["six"] is not None else found["host"]
    try:
        answers = socket.getaddrinfo(
            host or None, int(found["port"]), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a host name"
        raise CannotListen(f"{address}: {why}") from error
    addresses = [(family, str(where[0]), int(where[1])) for family, _, _, _, where in answers]
    return list(dict.fromkeys(addresses))


def _clear(path: str) -> None:
    """Remove the socket of a daemon that is gone, and nothing else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(f"{_UNIX}{path}: is there, and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except TimeoutError:
            pass  # somebody listens and is busy
    raise CannotListen(f"{_UNIX}{path}: somebody listens there already")
