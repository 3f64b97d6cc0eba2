"""What routes ask of the latest answer. Where there is none, a `Problem` says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vfioguard.report import GroupReport, UngroupedDevice
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.latest import Latest, Single
from vfioguard.serve.answer.passing import Busy
from vfioguard.serve.answer.view import View
from vfioguard.serve.http.errors import Problem
from vfioguard.target import NoTarget

#: Seconds after which a client may ask again that was told 503: the host is being read.
_SOON = 1


class Lookup:
    """Every method raises `Problem`; `policy` is what the client asked for, if it did."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest

    def ready(self) -> None:
        """Return if the answers may be relied on."""
        if (reason := self._latest.unready()) is not None:
            raise Problem(503, reason, again=_SOON)

    async def body(
        self, policy: str | None, name: str, make: Callable[[View], Body], *, keep: bool = True
    ) -> Body:
        """A body of the whole host, as `Latest.body` has it."""
        self._known(policy)
        try:
            body = await self._latest.body(policy, name, make, keep=keep)
        except Busy:
            raise Problem(503, "too many others ask for as much", again=_SOON) from None
        if body is None:
            raise self._unread()
        return body

    async def firmware(self) -> Body:
        """The decoded firmware tables as JSON."""
        body = await asyncio.to_thread(self._latest.firmware)
        if body is None:
            raise Problem(
                503, self._latest.unready() or "the firmware has not been read", again=_SOON
            )
        return body

    def single(self, policy: str | None) -> Single:
        """What one group or device is looked up in."""
        self._known(policy)
        single = self._latest.single(policy)
        if single is None:
            raise self._unread()
        return single

    def _known(self, policy: str | None) -> None:
        if policy is not None and policy not in self._latest.policies:
            names = ", ".join(self._latest.policies)
            raise Problem(422, f"no policy {policy!r:.64}; there are {names}")

    def _unread(self) -> Problem:
        reason = self._latest.unready() or "the host has not been read yet"
        return Problem(503, reason, again=_SOON)


def target_in(single: Single, target: str) -> GroupReport | UngroupedDevice:
    """The group that `target` (a device or group:N) stands for, judged, or a device without one.

    Raises `Problem`.
    """
    try:
        member = single.view.targets.find(target)
    except NoTarget as error:
        gap = single.view.report.groups_read
        if gap is not None and gap.why != "absent":
            raise Problem(503, f"unknown: {gap.source}: {gap.errno or gap.detail}") from error
        raise Problem(404, str(error)) from error
    return single.judge(member) if isinstance(member, GroupReport) else member
