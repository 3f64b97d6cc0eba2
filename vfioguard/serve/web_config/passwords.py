"""Basic authentication (RFC 7617) against bcrypt hashes, without becoming a way to stop us.

bcrypt takes 50 ms and more, on purpose. A right password is paid for once, a wrong one always, in a
thread, one at a time, in turns (turns.py); and who finds no place to wait is told to come again.
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

from vfioguard.serve.web_config.turns import Turns, Who

#: Who may wait for their turn. At 50 ms each it is 1.6 seconds.
PLACES = 32
#: Of what bcrypt sees no more (and newer versions of its library refuse).
_MOST = 72


class Known(Enum):
    """What is known of who asks."""

    YES = "yes"
    NO = "no"
    BUSY = "busy"


class Passwords:
    """The users, by name, and their hashes. Belongs to the event loop's thread."""

    def __init__(self, hashes: Mapping[str, str], places: int = PLACES) -> None:
        self._hashes = {name: hashed.encode() for name, hashed in hashes.items()}
        # What nobody's password is compared with where there is no such user: as dear as the
        # dearest of the others, so that the time does not tell who there is.
        cost = max((int(hashed.split("$")[2]) for hashed in hashes.values()), default=4)
        nobody = bcrypt.gensalt(cost) + b"." * 31
        self._nobody = nobody
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._turns = Turns(places)

    async def know(
        self, authorization: str, address: str = "", gone: Callable[[], bool] = bool
    ) -> tuple[Known, str]:
        """Whether this header's value is right, and the name that it gives.

        `address` is whose turn it is, and `gone` whether nobody waits for the answer any more.
        """
        name, password = _parse(authorization)
        if name is None:
            return Known.NO, ""
        digest = hmac.digest(self._key, password, hashlib.sha256)
        if hmac.compare_digest(self._right.get(name, b""), digest):
            return Known.YES, name
        if not await self._turns.take(Who(address, name, gone)):
            return Known.BUSY, name
        try:
            right = await self._is_right(name, password, digest)
        finally:
            self._turns.give_back()
        return (Known.YES if right else Known.NO), name

    async def _is_right(self, name: str, password: bytes, digest: bytes) -> bool:
        if hmac.compare_digest(self._right.get(name, b""), digest):
            return True  # who came before has paid for it
        hashed = self._hashes.get(name)
        same = await asyncio.to_thread(_same, password, hashed or self._nobody)
        if not same or hashed is None:
            return False
        self._right[name] = digest  # one for each user, as there is one right password
        return True


def _same(password: bytes, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_MOST], hashed)
    except ValueError:  # a zero byte, to older versions
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
