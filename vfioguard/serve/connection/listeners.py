"""The sockets on which the daemon listens: TCP addresses, and UNIX sockets."""

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

from vfioguard.typed import NamedTuple, Self

_TCP = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_UNIX = "unix:"
_BACKLOG = 128
#: A name may resolve to an address that this machine does not have, such as one of IPv6.
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class CannotListen(Exception):
    """An address cannot be served. The message is one line."""


class _File(NamedTuple):
    """A socket's file as we made it. Another process may have replaced it since."""

    path: str
    device: int
    inode: int


class Listeners:
    """Listens on all addresses, or on none: raises `CannotListen`.

    `exposed`: addresses that other machines can reach are permitted. `passed` are sockets that
    systemd has opened. This is a context manager. Its end closes the sockets, and removes their
    files unless another process has replaced them.
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
            for listener in passed:
                if listener.family != socket.AF_UNIX:
                    self._permit(describe(listener), str(listener.getsockname()[0]))
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
        """Stop listening. A second call is harmless."""
        for listener in self.sockets:
            listener.close()
        for file in self._files:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(file.path)
                if (status.st_dev, status.st_ino) == (file.device, file.inode):
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
            # Nagle's algorithm costs 40 ms a request. asyncio turns it off only for IPPROTO_TCP.
            listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((host, port))
                listener.listen(_BACKLOG)
            except OSError as error:
                listener.close()
                if error.errno not in _NOT_HERE:
                    raise
                absent = error
                continue
            self.sockets.append(listener)
            bound = True
        if absent is not None and not bound:
            raise absent

    def _permit(self, address: str, *hosts: str) -> None:
        if not self._exposed and not all(ipaddress.ip_address(host).is_loopback for host in hosts):
            raise CannotListen(
                f"{address}: others could reach it; give --web.config.file with TLS and users or "
                "client certificates, or, where something else protects it, "
                "--web.allow-unauthenticated"
            )

    def _add_unix(self, path: str) -> None:
        if not path:
            raise CannotListen(f"{_UNIX}: no path")
        _clear(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets.append(listener)
        # The file is made with its final mode, so that others can connect at no moment.
        umask = os.umask(0o117)
        try:
            listener.bind(path)
        finally:
            os.umask(umask)
        status = os.lstat(path)
        self._files.append(_File(path, status.st_dev, status.st_ino))
        listener.listen(_BACKLOG)


def describe(listener: socket.socket, *, tls: bool = False) -> str:
    """The address as a URL, with the port that the kernel chose, or `unix:PATH`."""
    if listener.family == socket.AF_UNIX:
        name: str | bytes = listener.getsockname()
        # The name of an abstract socket begins with a zero byte, which is written as @ (unix(7)).
        return f"{_UNIX}{name if isinstance(name, str) else name.decode().replace(chr(0), '@')}"
    host, port = listener.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _resolve(address: str) -> list[tuple[socket.AddressFamily, str, int]]:
    match = _TCP.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise CannotListen(f"{address}: not HOST:PORT, [IPv6]:PORT or unix:PATH")
    host = match["six"] if match["six"] is not None else match["host"]
    try:
        answers = socket.getaddrinfo(
            host or None, int(match["port"]), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a host name"
        raise CannotListen(f"{address}: {why}") from error
    addresses = [(family, str(name[0]), int(name[1])) for family, _, _, _, name in answers]
    return list(dict.fromkeys(addresses))


def _clear(path: str) -> None:
    """Remove the socket of a daemon that is gone, and nothing else. Raises `CannotListen`."""
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
