"""The routes of version 1: parameters, answers, errors. A new route is one function here."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import FastAPI, Header, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from vfioguard.json_shapes import answers as shapes
from vfioguard.json_shapes.attachment import Backend
from vfioguard.json_shapes.change import Change
from vfioguard.json_shapes.firmware import Firmware
from vfioguard.json_shapes.report import WideReport
from vfioguard.report import GroupReport
from vfioguard.serve.answer.stale import svg_opening, text_opening
from vfioguard.serve.answer.view import Told, View, forms, one_device_json, one_group_json
from vfioguard.serve.http import negotiate
from vfioguard.serve.http.errors import Problem
from vfioguard.serve.http.lookup import Form, Lookup, target_in
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.responses import JSON, LINES, Asked, kept, tagged
from vfioguard.serve.http.stream import EVENT_STREAM, Stream
from vfioguard.serve.telling.events import Hub
from vfioguard.target import spelled
from vfioguard.verdict import Outcome

Policy = Annotated[str | None, Query(description="judge by this predicate")]
OfBackend = Annotated[Backend | None, Query(description="judge this way to attach alone")]
Outcomes = Annotated[list[Outcome] | None, Query(description="only these; may be repeated")]
Proof = Annotated[Literal["full", "none"], Query(description="JSON with proofs, or without")]
Wide = Annotated[bool, Query(description="JSON also with what each device is")]
Number = Annotated[str, Path(alias="id", description="the number of the group")]
Address = Annotated[str, Path(description="a PCI address, or the name of another device")]
LastEventId = Annotated[str, Header(alias="Last-Event-ID", description="go on after this one")]

_WIDE = "`wide` is for JSON"
_SVG = "image/svg+xml"


def add_whole(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """Routes about the whole host: their bodies are made once for each reading, and kept."""
    _add_report(app, lookup, describe)
    _add_groups(app, lookup, describe)

    @app.get("/v1/firmware", responses=describe.tagged(Firmware, 422, 503))
    async def firmware(request: Request) -> Response:
        """The firmware tables that bear on interrupts, decoded, and what follows from them."""
        return await kept(Asked.by(request), JSON, await lookup.firmware())


def _add_report(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    outputs = forms()

    @app.get(
        "/v1/report",
        responses=describe.tagged(WideReport, 422, 503, also=tuple(outputs)),
    )
    async def report(
        request: Request,
        policy: Policy = None,
        backend: OfBackend = None,
        proof: Proof = "full",
        wide: Wide = False,
    ) -> Response:
        """The whole host, in any form of `vfioguard report --output`."""
        asked = Asked.by(request)
        wanted = negotiate.media_type(asked.accept, tuple(outputs))
        choice = lookup.chosen(policy, backend)
        if wanted == JSON:
            form = Form(f"json {proof}", partial(View.json, proof=proof == "full"))
            body = lookup.wide(form, choice) if wide else lookup.body(form, choice)
            return await kept(asked, JSON, await body)
        if wide:
            raise Problem(422, _WIDE)
        output = outputs[wanted]
        opening = svg_opening if wanted == _SVG else text_opening
        form = Form(wanted, partial(View.form, output=output), opening)
        return await kept(asked, output.media_type, await lookup.body(form, choice))


def _add_groups(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    @app.get(
        "/v1/groups",
        responses=describe.tagged(shapes.WideGroupList, 422, 503, also=("text/plain",)),
    )
    async def groups(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Request,
        outcome: Outcomes = None,
        policy: Policy = None,
        backend: OfBackend = None,
        proof: Proof = "full",
        wide: Wide = False,
    ) -> Response:
        """The groups, all or by outcome; as text one line each."""
        asked = Asked.by(request)
        chosen = set(outcome or Outcome)
        every = chosen == set(Outcome)
        choice = lookup.chosen(policy, backend)
        name = f"groups {'' if every else sorted(chosen)}"
        if asked.lines:
            if wide:
                raise Problem(422, _WIDE)
            lines = Form(
                f"{name} as lines", partial(View.groups_text, outcomes=chosen), text_opening
            )
            return await kept(asked, LINES, await lookup.body(lines, choice, keep=every))
        make = partial(View.groups_json, outcomes=chosen, proof=proof == "full")
        form = Form(f"{name} {proof}", make)
        if wide:
            return await kept(asked, JSON, await lookup.wide(form, choice, chosen))
        return await kept(asked, JSON, await lookup.body(form, choice, keep=every))


def add_single(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """Routes about one group or device, which is judged when it is asked for."""

    @app.get(
        "/v1/groups/{id}",
        responses=describe.tagged(shapes.OneGroup, 404, 422, 503),
    )
    async def group(
        request: Request, number: Number, policy: Policy = None, backend: OfBackend = None
    ) -> Response:
        """One group with its proof, and what its devices are."""
        single = lookup.single(lookup.chosen(policy, backend))
        member = target_in(single, f"group:{number}")
        assert isinstance(member, GroupReport), "only a group has such a name"
        facts = await lookup.told(member)
        body = one_group_json(member, single.why(member), single.generated_at, single.stale)
        return tagged(Asked.by(request), f"{single.tag}-{facts.tag}", JSON, facts.after(body))

    @app.get(
        "/v1/devices/{bdf}",
        responses=describe.tagged(shapes.OneDevice, 404, 422, 503),
    )
    async def device(
        request: Request, bdf: Address, policy: Policy = None, backend: OfBackend = None
    ) -> Response:
        """A device, the verdict on it, its group, and what the group's devices are."""
        single = lookup.single(lookup.chosen(policy, backend))
        if spelled(bdf).startswith("group:"):
            raise Problem(404, "a group is at /v1/groups/{id}")
        member = target_in(single, bdf)
        name = single.view.targets.canonical(bdf)
        facts = await lookup.told(member)
        told = Told(name, member, single.why(member))
        body = one_device_json(told, single.generated_at, single.stale)
        return tagged(Asked.by(request), f"{single.tag}-{facts.tag}", JSON, facts.after(body))


def add_events(app: FastAPI, hub: Hub, lookup: Lookup, describe: Description) -> None:
    """The route that does not end."""

    @app.get("/v1/events", responses=describe.stream(EVENT_STREAM, Change, 422))
    async def events(last_event_id: LastEventId = "") -> Response:
        """Each change as a Server-Sent Event: its kind is the name, a `Change` the data.

        The event `stale` comes when the answers become stale or fresh; its data are these marks.
        """
        return _Events(Stream(hub, last_event_id, stale=lookup.stale))


class _Events(Response):
    """A client of /v1/events."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._stream(scope, receive, send)
