"""Basic authentication (RFC 7617) against bcrypt hashes, so that nobody can stop the daemon by it.

bcrypt takes 50 ms and more, on purpose. A right password costs that once, a wrong one each time.
The check runs in a thread, one at a time, and clients take turns (turns.py). A client that finds no
place to wait is told to come again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from enum import Enum

import bcrypt

from vfioguard.serve.web_config.turns import Client, Turns

#: The most requests that wait for their turn. At 50 ms each that is 1.6 seconds.
PLACES = 32
#: bcrypt looks at no more bytes of a password. Newer versions of its library refuse more.
_MOST = 72


class Match(Enum):
    """Whether a password is right. BUSY means that it could not be checked now."""

    YES = "yes"
    NO = "no"
    BUSY = "busy"


class Passwords:
    """Checks passwords against `hashes`, by user name. It belongs to the event loop's thread.

    At most `places` requests wait for a check.
    """

    def __init__(self, hashes: Mapping[str, str], places: int = PLACES) -> None:
        self._hashes = {name: hashed.encode() for name, hashed in hashes.items()}
        # A password of an unknown user is compared with this hash. It is as dear as the dearest of
        # the others, so that the time does not tell which users exist.
        cost = max((int(hashed.split("$")[2]) for hashed in hashes.values()), default=4)
        nobody = bcrypt.gensalt(cost) + b"." * 31
        self._nobody = nobody
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._turns = Turns(places)

    async def match(
        self, authorization: str, address: str = "", gone: Callable[[], bool] = bool
    ) -> tuple[Match, str]:
        """Check the value of an Authorization header. Returns the result, and the user's name.

        Turns are counted for `address`. `gone` returns whether the client has gone meanwhile.
        """
        name, password = _parse(authorization)
        if name is None:
            return Match.NO, ""
        digest = hmac.digest(self._key, password, hashlib.sha256)
        if hmac.compare_digest(self._right.get(name, b""), digest):
            return Match.YES, name
        if not await self._turns.take(Client(address, name, gone)):
            return Match.BUSY, name
        try:
            right = await self._is_right(name, password, digest)
        finally:
            self._turns.give_back()
        return (Match.YES if right else Match.NO), name

    async def _is_right(self, name: str, password: bytes, digest: bytes) -> bool:
        if hmac.compare_digest(self._right.get(name, b""), digest):
            return True  # an earlier request has paid for the check
        hashed = self._hashes.get(name)
        same = await asyncio.to_thread(_same, password, hashed or self._nobody)
        if not same or hashed is None:
            return False
        self._right[name] = digest  # a user has one right password, and so one digest
        return True


def _same(password: bytes, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_MOST], hashed)
    except ValueError:  # older versions raise it for a zero byte
        return False


def _parse(authorization: str) -> tuple[str | None, bytes]:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None, b""
    try:
        plain = base64.b64decode(rest.strip(), validate=True)
        name, colon, password = plain.partition(b":")
        return (name.decode() if colon else None), password
    except (binascii.Error, ValueError):
        return None, b""
