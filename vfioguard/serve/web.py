"""The settings of the HTTP admission. They open its sockets, and set up TLS and the guard."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from vfioguard.serve.connection.activation import passed
from vfioguard.serve.connection.connections import Limits
from vfioguard.serve.connection.listeners import CannotListen, Listeners
from vfioguard.serve.connection.server import TlsNow, affordable
from vfioguard.serve.http.access_log import Access
from vfioguard.serve.http.front import Admission, Guard, name_of
from vfioguard.typed import NamedTuple

#: One in this many TCP connections may wait for a check of its password.
_WAITING = 3


class Web(NamedTuple):
    """The settings `--web.*` of `vfioguard serve`."""

    listen_address: tuple[str, ...] = ()
    probe_address: tuple[str, ...] = ()
    systemd_socket: bool = False
    config_file: str | None = None
    allow_unauthenticated: bool = False
    allowed_host: tuple[str, ...] = ()
    access_log: bool = False
    limits: Limits = Limits()


class _Checked(NamedTuple):
    """The content of the file of `--web.config.file`, ready for use."""

    guard: Guard | None = None
    tls: TlsNow | None = None
    protects: bool = False


class Opened(NamedTuple):
    """Sockets that listen, and the parts that will serve them. `probes` answer probes alone."""

    listeners: Listeners
    probes: Listeners
    admission: Admission
    access: Access
    tls: TlsNow | None
    limits: Limits


@contextmanager
def opened(web: Web) -> Generator[Opened]:
    """Open the sockets and read the files. Raises `CannotListen` for whatever is wrong."""
    checked = _check(web)
    sockets = passed(os.environ, os.getpid()) if web.systemd_socket else []
    with (
        Listeners(
            () if web.systemd_socket else web.listen_address,
            exposed=checked.protects or web.allow_unauthenticated,
            passed=sockets,
        ) as listeners,
        Listeners(web.probe_address, exposed=True) as probes,
    ):
        hosts = frozenset(filter(None, map(name_of, web.allowed_host)))
        access = Access(every=web.access_log)
        yield Opened(
            listeners=listeners,
            probes=probes,
            admission=Admission(hosts, checked.guard, access),
            access=access,
            tls=checked.tls,
            limits=affordable(web.limits, listeners.sockets, len(probes.sockets)),
        )


def _check(web: Web) -> _Checked:
    if web.config_file is None:
        return _Checked()
    # YAML and bcrypt are needed only with such a file, and may be missing without one.
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
    return _Checked(
        guard=FileGuard(secured),
        tls=secured.tls if config.tls else None,
        protects=config.protects,
    )


def _incomplete(error: ImportError) -> CannotListen:
    return CannotListen(
        f"--web.config.file needs the Python module {error.name}: install vfioguard[web], or "
        "python3-yaml and python3-bcrypt"
    )
