"""The routes that explain: a group, a device, or a message that somebody saw."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from vfioguard.device_facts import DeviceFacts
from vfioguard.json_shapes import explain as shapes
from vfioguard.output.facts.json import facts_json
from vfioguard.proof_json import dumps
from vfioguard.report import SCHEMA_VERSION
from vfioguard.serve.answer.latest import Single
from vfioguard.serve.answer.stale import marks, text_opening
from vfioguard.serve.host.scan import Explained
from vfioguard.serve.http.lookup import Lookup, devices_of, target_in
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.responses import JSON, LINES, Asked, fresh

#: Characters of a text. A longer one is for the command, which reads standard input.
_MOST = 16384

Target = Annotated[str, Path(description="a PCI address, another device's name, or group:N")]
Text = Annotated[
    str, Query(description="an errno, a message or a whole paste", min_length=1, max_length=_MOST)
]


def add_explain(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """The route about what the host has, and the one about a text."""

    @app.get(
        "/v1/explain",
        responses=describe.answer(shapes.ExplainedNow, 422, also=("text/plain",)),
    )
    async def text(request: Request, text: Text) -> Response:
        """What a message means on this host, as `vfioguard explain TEXT` says it."""
        single = lookup.single(None)
        # A paste of thousands of lines takes longer than other requests should wait.
        told = await asyncio.to_thread(single.explain, text, None, None)
        if Asked.by(request).lines:
            return screen(single, told)
        return _document(single, told, await lookup.facts(told.devices))

    @app.get(
        "/v1/explain/{target}",
        responses=describe.answer(shapes.ExplainedNow, 404, 422, also=("text/plain",)),
    )
    async def place(request: Request, target: Target) -> Response:
        """Why the verdict is so and what to change, as `vfioguard explain TARGET` says it."""
        single = lookup.single(None)
        named = target_in(single, target)
        facts = await lookup.facts(devices_of(named))
        told = await asyncio.to_thread(single.explain, target, named, facts)
        if Asked.by(request).lines:
            return screen(single, told)
        return _document(single, told, facts)


def screen(single: Single, told: Explained) -> Response:
    """The lines of `vfioguard explain`."""
    lines = "\n".join(told.lines)
    return fresh(LINES, text_opening(single.stale) + f"{lines}\n".encode())


def _document(single: Single, told: Explained, facts: Mapping[str, DeviceFacts] | None) -> Response:
    known = None if facts is None else {name: facts_json(each) for name, each in facts.items()}
    body: shapes.ExplainedNow = {
        "schema_version": SCHEMA_VERSION,
        **marks(single.stale),
        "generated_at": single.generated_at,
        "kernel": single.view.report.host.kernel,
        "answers": [{**told.answer, "facts": known}],
    }
    return fresh(JSON, dumps(body).encode() + b"\n")
