"""The file of `--web.config.file` as it is now, with the certificates and keys that it names."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable

from vfioguard.serve.http.rate import Rate
from vfioguard.serve.web_config.form import WebConfig, load
from vfioguard.serve.web_config.tls import context
from vfioguard.serve.web_config.yaml_file import BadFile
from vfioguard.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # bcrypt is needed only if there are users
    from vfioguard.serve.web_config.passwords import Passwords

#: The least seconds between two looks at whether a file has changed.
_LOOK = 1.0

_log = logging.getLogger("vfioguard")


class _Now(NamedTuple):
    config: WebConfig
    tls: ssl.SSLContext | None
    passwords: Passwords | None
    rate: Rate


class Secured:
    """What the file at `path` says now. It belongs to the event loop's thread.

    Raises `BadFile` if the file cannot be used at first. Later a bad file is logged, and its
    earlier content stays in force. So a half-done renewal or a typing error neither stops the
    daemon nor opens it.
    """

    def __init__(
        self, path: str, clock: Callable[[], float] = time.monotonic, places: int = 32
    ) -> None:
        """`clock` counts seconds. At most `places` requests wait for a check of their password."""
        self._path = path
        self._clock = clock
        self._places = places
        self._looked = clock()
        self._stamps = self._stamp(())
        self._now = self._make(load(path), None)
        self._stamps = self._stamp(self._files())

    @property
    def config(self) -> WebConfig:
        """The content of the file."""
        return self._now.config

    @property
    def passwords(self) -> Passwords | None:
        """The users' passwords. None if no password is needed."""
        return self._now.passwords

    @property
    def rate(self) -> Rate:
        """The limit on the rate of requests."""
        return self._now.rate

    def tls(self) -> ssl.SSLContext:
        """The TLS context for the next connection. Only called if the daemon began with TLS."""
        self.look()
        assert self._now.tls is not None, "only called with TLS"
        return self._now.tls

    def look(self) -> None:
        """Read the files again if they have changed. Looks at most once a second."""
        now = self._clock()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        stamps = self._stamp(self._files())
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._now = self._changed()
        except BadFile as error:
            _log.error("%s; what was read before is still in force", error)
        else:
            self._stamps = self._stamp(self._files())
            _log.info("%s, or a file that it names, has changed and was read", self._path)

    def _changed(self) -> _Now:
        before, after = self._now, load(self._path)
        if (after.tls is None) != (before.config.tls is None):
            raise BadFile(f"{self._path}: TLS begins or ends with a restart only")
        if before.config.protects and not after.protects:
            raise BadFile(f"{self._path}: would let everybody in, which needs a restart")
        return self._make(after, before)

    def _make(self, config: WebConfig, before: _Now | None) -> _Now:
        """What `config` makes. If its users are those of `before`, so are the passwords."""
        tls = None if config.tls is None else context(config.tls)
        if before is not None and before.config.users == config.users:
            passwords = before.passwords
        elif config.users:
            from vfioguard.serve.web_config.passwords import Passwords

            passwords = Passwords(config.users, self._places)
        else:
            passwords = None
        rate = Rate(config.interval, config.burst)
        return _Now(config=config, tls=tls, passwords=passwords, rate=rate)

    def _files(self) -> tuple[str, ...]:
        tls = self._now.config.tls
        return () if tls is None else tls.files

    def _stamp(self, files: tuple[str, ...]) -> tuple[object, ...]:
        return tuple(map(_stat, (self._path, *files)))


def _stat(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError as error:
        return error.errno
    return status.st_mtime_ns, status.st_size, status.st_ino
