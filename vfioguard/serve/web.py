"""The settings of the HTTP face, and what they open: sockets, TLS, and who is let in."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from vfioguard.serve.connection.activation import passed
from vfioguard.serve.connection.connections import Limits
from vfioguard.serve.connection.listeners import CannotListen, Listeners
from vfioguard.serve.connection.server import TlsNow, affordable
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.http.front import Face, Guard, name_of

#: Of the places over TCP this part may be taken by who waits for a password to be checked.
_WAITING = 3


class Web(NamedTuple):
    """What `vfioguard serve --web.*` says."""

    listen_address: tuple[str, ...] = ()
    systemd_socket: bool = False
    config_file: str | None = None
    allow_unauthenticated: bool = False
    allowed_host: tuple[str, ...] = ()
    access_log: bool = False
    limits: Limits = Limits()


class _Checked(NamedTuple):
    """What the file of `--web.config.file` gives."""

    guard: Guard | None = None
    tls: TlsNow | None = None
    protects: bool = False


class Opened(NamedTuple):
    """Sockets that listen, and what will serve them."""

    listeners: Listeners
    face: Face
    access: Access
    tls: TlsNow | None
    limits: Limits


@contextmanager
def opened(web: Web) -> Generator[Opened]:
    """Everything that can be wrong is found here: raises `CannotListen`."""
    checked = _check(web)
    sockets = passed(os.environ, os.getpid()) if web.systemd_socket else []
    with Listeners(
        () if web.systemd_socket else web.listen_address,
        exposed=checked.protects or web.allow_unauthenticated,
        passed=sockets,
    ) as listeners:
        hosts = frozenset(filter(None, map(name_of, web.allowed_host)))
        access = Access(every=web.access_log)
        yield Opened(
            listeners=listeners,
            face=Face(hosts, checked.guard, access),
            access=access,
            tls=checked.tls,
            limits=affordable(web.limits, listeners.sockets),
        )


def _check(web: Web) -> _Checked:
    if web.config_file is None:
        return _Checked()
    # YAML and bcrypt are needed, and there, only where somebody has such a file.
    try:
        from vfioguard.serve.web_config.guard import FileGuard
        from vfioguard.serve.web_config.in_force import Secured
        from vfioguard.serve.web_config.yaml_file import BadFile
    except ImportError as error:
        raise _incomplete(error) from error
    try:
        secured = Secured(web.config_file, places=max(1, web.limits.tcp // _WAITING))
    except BadFile as error:
        raise CannotListen(str(error)) from error
    except ImportError as error:
        raise _incomplete(error) from error
    config = secured.config
    return _Checked(FileGuard(secured), secured.tls if config.tls else None, config.protects)


def _incomplete(error: ImportError) -> CannotListen:
    return CannotListen(
        f"--web.config.file needs the Python module {error.name}: install vfioguard[web], or "
        "python3-yaml and python3-bcrypt"
    )
