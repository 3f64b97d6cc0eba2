"""What if: one group judged as if a state were another, or under another kernel."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from vfioguard.json_shapes import answers as shapes
from vfioguard.output.json import group_json
from vfioguard.proof_json import dumps
from vfioguard.report import SCHEMA_VERSION, GroupReport
from vfioguard.serve.http.errors import Problem
from vfioguard.serve.http.gate import Target
from vfioguard.serve.http.lookup import Lookup, target_in
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.responses import JSON, fresh

Assumed = Annotated[
    list[str] | None, Query(description="a state, such as intremap=on; may be repeated")
]
Kernel = Annotated[str | None, Query(description="a release of Linux, such as 7.3")]


def add_what_if(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """The route of one group. Nothing that it assumes is kept, and no other answer has it."""

    @app.get("/v1/what-if/{target}", responses=describe.answer(shapes.WhatIf, 404, 422, 503))
    async def what_if(
        _request: Request, target: Target, assume: Assumed = None, kernel: Kernel = None
    ) -> Response:
        """What the outcome of one group would be."""
        lookup.ready()
        single = lookup.single(None)
        today = target_in(single, target)
        if not isinstance(today, GroupReport):
            raise Problem(422, f"{target[:64]!r} is in no IOMMU group")
        states = [*(assume or ()), *([f"kernel {kernel}"] if kernel else ())]
        if not states:
            raise Problem(422, "say what to assume: assume=intremap=on, or kernel=7.3")
        try:
            then = await asyncio.to_thread(single.what_if, today.id, assume or (), kernel)
        except ValueError as error:
            raise Problem(422, str(error)) from error
        body: shapes.WhatIf = {
            "schema_version": SCHEMA_VERSION,
            "stale": None,
            "read_at": None,
            "generated_at": single.generated_at,
            "assumed": states,
            "today": today.outcome,
            "then": then.outcome,
            "group": group_json(then),
        }
        return fresh(JSON, dumps(body).encode() + b"\n")
