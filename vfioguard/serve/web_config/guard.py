"""Decides which clients get an answer over TCP, as `--web.config.file` says."""

from __future__ import annotations

import ipaddress

from vfioguard.serve.asgi import Message, Refusal
from vfioguard.serve.http.front import connection_of
from vfioguard.serve.web_config.in_force import Secured
from vfioguard.serve.web_config.passwords import Match

_NOT_NOW = Refusal(429, "too many requests (rate_limit)", ((b"retry-after", b"1"),))
_BUSY = Refusal(503, "too many passwords are being checked", ((b"retry-after", b"1"),))
_UNKNOWN = Refusal(
    401, "a user and a password are needed", ((b"www-authenticate", b'Basic realm="vfioguard"'),)
)
_OTHER = Refusal(403, "the certificate has none of the names in client_allowed_sans")


class FileGuard:
    """Decides as exporter-toolkit does: first by the rate, then by the client's identity."""

    def __init__(self, secured: Secured) -> None:
        self._secured = secured

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that answers have. An empty value means that the header is left out."""
        return self._secured.config.headers

    async def admit(self, scope: Message) -> tuple[str, Refusal | None]:
        """The user's name, and the refusal if the client gets no answer."""
        secured = self._secured
        secured.look()
        if not secured.rate.take():
            return "", _NOT_NOW
        tls, passwords = secured.config.tls, secured.passwords
        if tls is not None and tls.allowed_sans:
            names: frozenset[str] = scope["state"]["connection"].names
            if not names & tls.allowed_sans:
                return "", _OTHER
        if passwords is None:
            return "", None
        header = [value for name, value in scope["headers"] if name == b"authorization"]
        given = header[0].decode("latin-1") if header else ""
        match, user = await passwords.match(given, origin(scope), lambda: _is_gone(scope))
        if match is Match.YES:
            return user, None
        return user, _BUSY if match is Match.BUSY else _UNKNOWN


def origin(scope: Message) -> str:
    """The address that a request comes from. For IPv6 its /64, which one host has as a whole."""
    host = str((scope.get("client") or ("?",))[0]).partition("%")[0]
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def _is_gone(scope: Message) -> bool:
    connection = connection_of(scope)
    return connection is not None and connection.gone
