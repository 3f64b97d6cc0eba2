"""What devices are, beside what decides, as a member of an answer: read when a client asks.

The facts of some devices are read once for each reading of the host, and kept for a short time. An
answer about the whole host shares its other pieces with the one that has no facts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from vfioguard.device_facts import DeviceFacts
from vfioguard.output.facts.json import facts_json
from vfioguard.proof_json import dumps
from vfioguard.serve.answer.body import Body, Piece, piece
from vfioguard.serve.answer.passing import Key, Passing
from vfioguard.serve.answer.view import View
from vfioguard.serve.host.scan import Scan
from vfioguard.typed import NamedTuple
from vfioguard.verdict import Outcome

#: Seconds for which facts are kept, and the most selections of devices that are kept together.
_KEPT, _MOST = 5.0, 64
#: Devices whose facts are one piece: some 40 kB of text.
_PART = 64


class Told(NamedTuple):
    """The member `facts` of an answer, deflated. `tag` identifies it."""

    pieces: tuple[Piece, ...]
    tag: str

    def after(self, document: bytes) -> bytes:
        """A document, which is a JSON object on a line of its own, with this member at its end."""
        text = b"".join(Body(self.pieces).plain().parts)
        return document.removesuffix(b"}\n") + b"," + text + b"}\n"

    def within(self, body: Body) -> Body:
        """A body of JSON with this member behind its opening."""
        opening, *rest = body.pieces
        return Body((opening, *self.pieces, piece(b","), *rest), f"{body.tag}-wide-{self.tag}")


class Wide:
    """Belongs to the event loop's thread. `latest` returns the latest reading, None before it."""

    def __init__(self, latest: Callable[[], Scan | None]) -> None:
        self._latest = latest
        self._passing = Passing()
        self._kept: dict[tuple[str, ...], Told] = {}
        self._few: dict[tuple[str, ...], Mapping[str, DeviceFacts]] = {}
        self._of: float | None = None

    async def told(self, names: Sequence[str]) -> Told:
        """The facts of these devices as JSON; null if they could not be read in time."""
        asked, taken_at = tuple(names), self._now()
        if (kept := self._kept.get(asked)) is not None:
            return kept
        facts = await self.facts(asked)
        told = await asyncio.to_thread(_told, facts) if len(asked) > _PART else _told(facts)
        if facts is not None and taken_at == self._of and len(self._kept) < _MOST:
            self._kept[asked] = told
        return told

    async def facts(self, names: Sequence[str]) -> Mapping[str, DeviceFacts] | None:
        """The facts of these devices, by name. Returns None if they could not be read in time."""
        asked, taken_at, scan = tuple(names), self._now(), self._latest()
        if (kept := self._few.get(asked)) is not None:
            return kept
        facts = None if scan is None or scan.facts is None else await scan.facts(asked)
        few = len(asked) <= _PART and len(self._few) < _MOST
        if facts is not None and taken_at == self._of and few:
            self._few[asked] = facts
        return facts

    def _now(self) -> float | None:
        """When the latest reading was taken. What is kept of an earlier one is forgotten."""
        scan = self._latest()
        taken_at = None if scan is None else scan.taken_at
        if taken_at != self._of:
            self._forget(taken_at)
        return taken_at

    def _forget(self, taken_at: float | None) -> None:
        self._kept, self._few, self._of = {}, {}, taken_at
        if taken_at is not None:
            asyncio.get_running_loop().call_later(_KEPT, self._drop, taken_at)

    def _drop(self, taken_at: float) -> None:
        if self._of == taken_at:
            self._forget(None)

    async def body(self, key: Key, make: Callable[[], Awaitable[Body]]) -> Body:
        """The body that `make` makes, with the facts of its devices. Raises `Busy`.

        `key` identifies it among those of one reading.
        """
        scan = self._latest()
        now = None if scan is None else scan.taken_at
        return await self._passing.body((key, now), partial(self._body, make))

    async def _body(self, make: Callable[[], Awaitable[Body]]) -> Body:
        body = await make()
        return (await self.told(body.devices)).within(body)


def naming(
    make: Callable[[View], Body], outcomes: Collection[Outcome] | None
) -> Callable[[View], Body]:
    """Makes the same body, which names the devices of the groups with these outcomes.

    If `outcomes` is None, it names all devices, those without a group too.
    """

    def made(view: View) -> Body:
        body = make(view)
        groups = view.selected(outcomes or ())
        names = [device.name for group in groups for device in group.devices]
        if outcomes is None:
            names += [device.name for device in view.report.ungrouped]
        body.devices = tuple(names)
        return body

    return made


def _told(facts: Mapping[str, DeviceFacts] | None) -> Told:
    digest = hashlib.sha256()
    parts: list[Piece] = []
    for text in _texts(facts):
        digest.update(text)
        parts.append(piece(text))
    return Told(tuple(parts), digest.hexdigest()[:12])


def _texts(facts: Mapping[str, DeviceFacts] | None) -> Iterator[bytes]:
    if facts is None:
        yield b'"facts":null'
        return
    yield b'"facts":{'
    names = list(facts)
    for start in range(0, len(names), _PART):
        part = {name: facts_json(facts[name]) for name in names[start : start + _PART]}
        yield (b"," if start else b"") + dumps(part)[1:-1].encode()
    yield b"}"
