"""The routes of version 1: parameters, answers, errors. A new route is one function here."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from vfioguard.json_shapes import answers as shapes
from vfioguard.json_shapes.change import Change
from vfioguard.json_shapes.firmware import Firmware
from vfioguard.json_shapes.report import Report
from vfioguard.output.json import dumps
from vfioguard.report import GroupReport
from vfioguard.serve.answer.gate import check
from vfioguard.serve.answer.view import View, forms, one_device_json, one_group_json
from vfioguard.serve.http import negotiate
from vfioguard.serve.http.errors import Problem
from vfioguard.serve.http.lookup import Lookup, target_in
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.responses import JSON, LINES, Asked, fresh, kept, tagged
from vfioguard.serve.http.stream import EVENT_STREAM, Stream
from vfioguard.serve.telling.events import Hub
from vfioguard.target import spelled
from vfioguard.verdict import Outcome

Policy = Annotated[str | None, Query(description="judge by this predicate")]
Outcomes = Annotated[list[Outcome] | None, Query(description="only these; may be repeated")]
Strict = Annotated[bool, Query(description="409 also if only the override lets it pass")]
Number = Annotated[str, Path(alias="id", description="the number of the group")]
Address = Annotated[str, Path(description="a PCI address, or the name of another device")]
Target = Annotated[str, Path(description="a PCI address, another device's name, or group:N")]
LastEventId = Annotated[str, Header(alias="Last-Event-ID", description="go on after this one")]


def add_whole(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """Routes about the whole host: their bodies are made once for each reading, and kept."""
    outputs = forms()

    @app.get(
        "/v1/report",
        responses=describe.tagged(Report, 422, 503, also=tuple(outputs)),
    )
    async def report(request: Request, policy: Policy = None) -> Response:
        """The whole host, in any form of `vfioguard report --output`."""
        asked = Asked.by(request)
        wanted = negotiate.media_type(asked.accept, tuple(outputs))
        if wanted == JSON:
            return await kept(asked, JSON, await lookup.body(policy, "json", View.json))
        output = outputs[wanted]
        body = await lookup.body(policy, wanted, lambda view: view.form(output))
        return await kept(asked, output.media_type, body)

    @app.get(
        "/v1/groups",
        responses=describe.tagged(shapes.GroupList, 422, 503, also=("text/plain",)),
    )
    async def groups(request: Request, outcome: Outcomes = None, policy: Policy = None) -> Response:
        """The groups, all or by outcome; as text one line each."""
        asked = Asked.by(request)
        chosen = set(outcome or Outcome)
        every = chosen == set(Outcome)
        make, media_type = (View.groups_text, LINES) if asked.lines else (View.groups_json, JSON)
        name = f"groups {'' if every else sorted(chosen)} as {media_type}"
        body = await lookup.body(policy, name, lambda view: make(view, chosen), keep=every)
        return await kept(asked, media_type, body)

    @app.get("/v1/firmware", responses=describe.tagged(Firmware, 422, 503))
    async def firmware(request: Request) -> Response:
        """The firmware tables that bear on interrupts, decoded, and what follows from them."""
        return await kept(Asked.by(request), JSON, await lookup.firmware())


def add_single(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """Routes about one group or device, which is judged when it is asked for."""

    @app.get(
        "/v1/groups/{id}",
        responses=describe.tagged(shapes.OneGroup, 404, 422, 503),
    )
    async def group(request: Request, number: Number, policy: Policy = None) -> Response:
        """One group with its proof."""
        single = lookup.single(policy)
        member = target_in(single, f"group:{number}")
        assert isinstance(member, GroupReport), "only a group has such a name"
        body = one_group_json(member, single.generated_at)
        return tagged(Asked.by(request), single.tag, JSON, body)

    @app.get(
        "/v1/devices/{bdf}",
        responses=describe.tagged(shapes.OneDevice, 404, 422, 503),
    )
    async def device(request: Request, bdf: Address, policy: Policy = None) -> Response:
        """A device, the verdict on it, and its group."""
        single = lookup.single(policy)
        if spelled(bdf).startswith("group:"):
            raise Problem(404, "a group is at /v1/groups/{id}")
        member = target_in(single, bdf)
        name = single.view.targets.canonical(bdf)
        body = one_device_json(name, member, single.generated_at)
        return tagged(Asked.by(request), single.tag, JSON, body)


def add_gate(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """The route that scripts ask before an attach."""

    @app.get(
        "/v1/check/{target}",
        responses={
            **describe.answer(shapes.Check, 404, 422, also=("text/plain",)),
            **describe.problem(409, shapes.CheckProblem),
            **describe.problem(503, shapes.Problem, shapes.CheckProblem),
        },
    )
    async def gate(
        request: Request, target: Target, strict: Strict = False, policy: Policy = None
    ) -> Response:
        """May it be attached? The gate for `curl -f`."""
        lookup.ready()
        single = lookup.single(policy)
        member = target_in(single, target)
        report = single.view.report._replace(generated_at=single.generated_at)
        answer = check(report, single.view.targets.canonical(target), member, strict=strict)
        if answer.status != 200:
            raise Problem(answer.status, answer.line, answer.body)
        if Asked.by(request).lines:
            return fresh(LINES, f"{answer.line}\n".encode())
        return fresh(JSON, dumps(answer.body).encode() + b"\n")


def add_events(app: FastAPI, hub: Hub, describe: Description) -> None:
    """The route that does not end."""

    @app.get("/v1/events", responses=describe.stream(EVENT_STREAM, Change, 422))
    async def events(last_event_id: LastEventId = "") -> Response:
        """Each change as a Server-Sent Event: its kind is the name, a `Change` the data."""
        return _Events(Stream(hub, last_event_id))


class _Events(Response):
    """A client of /v1/events."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._stream(scope, receive, send)
