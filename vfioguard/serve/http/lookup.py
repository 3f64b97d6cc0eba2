"""What routes ask of the latest answer. Where there is none, a `Problem` says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from vfioguard.device_facts import DeviceFacts
from vfioguard.json_shapes.attachment import Backend
from vfioguard.report import Choice, GroupReport, UngroupedDevice
from vfioguard.serve.answer.body import Body
from vfioguard.serve.answer.latest import Latest, Single
from vfioguard.serve.answer.passing import Busy
from vfioguard.serve.answer.stale import Stale, json_opening, marks
from vfioguard.serve.answer.view import View
from vfioguard.serve.answer.wide import Told, Wide, naming
from vfioguard.serve.http.errors import Problem
from vfioguard.target import NoTarget
from vfioguard.typed import NamedTuple, TypeAlias
from vfioguard.verdict import Outcome

#: Seconds after which a client may ask again that was told 503: the host is being read.
_SOON = 1

#: Gives the beginning of a body, with the mark if it is stale.
Opening: TypeAlias = Callable[[Stale | None], bytes]


class Form(NamedTuple):
    """A form of the report: `name` identifies what `make` makes, `opening` is its beginning."""

    name: str
    make: Callable[[View], Body]
    opening: Opening = json_opening


class Lookup:
    """Every method raises `Problem`; `chosen` is what the client asked for, None for nothing."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest
        self._wide = Wide(lambda: latest.scan)

    def stale(self) -> Stale | None:
        """The mark that every answer has now."""
        return self._latest.stale()

    def ready(self) -> None:
        """Return if the answers may be relied on."""
        if (stale := self._latest.stale()) is not None:
            raise _unready(stale)

    async def body(self, form: Form, chosen: Choice | None = None, *, keep: bool = True) -> Body:
        """A body of the whole host, as `Latest.body` has it; marked if it is stale."""
        try:
            body = await self._plain(form, chosen, keep=keep)
        except Busy:
            raise _busy() from None
        return self._marked(body, form.opening)

    async def _plain(self, form: Form, chosen: Choice | None, *, keep: bool) -> Body:
        body = await self._latest.body(chosen, form.name, form.make, keep=keep)
        if body is None:
            raise self._unread()
        return body

    async def wide(
        self,
        form: Form,
        chosen: Choice | None = None,
        outcomes: Collection[Outcome] | None = None,
    ) -> Body:
        """A JSON body of the whole host with what its devices are.

        `outcomes` are those that the groups of these may have. It is None for all devices.
        """
        plain = form._replace(name=f"{form.name} wide", make=naming(form.make, outcomes))
        make = partial(self._plain, plain, chosen, keep=False)
        try:
            body = await self._wide.body((chosen, plain.name), make)
        except Busy:
            raise _busy() from None
        return self._marked(body, form.opening)

    async def told(self, place: GroupReport | UngroupedDevice) -> Told:
        """What the devices of a group are, or what a device without one is."""
        return await self._wide.told(devices_of(place))

    async def facts(self, names: Sequence[str]) -> Mapping[str, DeviceFacts] | None:
        """What these devices are, by name. Returns None if that could not be read in time."""
        return await self._wide.facts(names) if names else {}

    def _marked(self, body: Body, opening: Opening) -> Body:
        stale = self._latest.stale()
        return body if stale is None else body.opened(opening(stale), stale.tag)

    async def firmware(self) -> Body:
        """The decoded firmware tables as JSON."""
        body = await asyncio.to_thread(self._latest.firmware)
        if body is None:
            stale = self._latest.stale()
            if stale is None:
                raise Problem(503, "the firmware has not been read", again=_SOON)
            raise _unready(stale)
        return self._marked(body, json_opening)

    def single(self, chosen: Choice | None) -> Single:
        """What one group or device is looked up in."""
        single = self._latest.single(chosen)
        if single is None:
            raise self._unread()
        return single

    def chosen(self, policy: str | None, backend: Backend | None) -> Choice | None:
        """What the client asked to judge by. Returns None if it asked for nothing."""
        if policy is not None and policy not in self._latest.policies:
            names = ", ".join(self._latest.policies)
            raise Problem(422, f"no policy {policy!r:.64}; there are {names}")
        if policy is None and backend is None:
            return None
        view = self._latest.view
        if view is None:
            raise self._unread()
        decides = {known.name: known.backend or "type1" for known in view.report.policies}
        if policy and backend and decides[policy] != backend:
            raise Problem(422, f"policy {policy} decides for {decides[policy]}, not for {backend}")
        return Choice(policy, backend)

    def _unread(self) -> Problem:
        stale = self._latest.stale()
        assert stale is not None, "without a reading nothing can be relied on"
        return _unready(stale)


def _unready(stale: Stale) -> Problem:
    return Problem(503, stale.why, marks(stale), again=_SOON)


def _busy() -> Problem:
    return Problem(503, "too many others ask for as much", again=_SOON)


def target_in(single: Single, target: str) -> GroupReport | UngroupedDevice:
    """The group that `target` (a device or group:N) stands for, judged, or a device without one.

    Raises `Problem`.
    """
    try:
        member = single.view.targets.find(target)
    except NoTarget as error:
        unlisted(single)
        more = None if single.stale is None else marks(single.stale)
        raise Problem(404, str(error), more) from error
    return single.judge(member) if isinstance(member, GroupReport) else member


def devices_of(place: GroupReport | UngroupedDevice) -> list[str]:
    """The names of a group's members, or that of a device in none."""
    return [
        device.name for device in (place.devices if isinstance(place, GroupReport) else (place,))
    ]


def unlisted(single: Single) -> None:
    """Raise `Problem` if the groups cannot be read: then nobody knows what there is."""
    gap = single.view.report.groups_read
    if gap is not None and gap.why != "absent":
        more = None if single.stale is None else marks(single.stale)
        why = f"unknown: {gap.source}: {gap.errno or gap.detail}"
        raise Problem(503, why, more)
