"""The gate: the routes that scripts ask before an attach."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import Field

from vfioguard.attach import Ask, How
from vfioguard.json_shapes import answers as shapes
from vfioguard.json_shapes.check import Check, CheckProblem, Checks, ChecksProblem
from vfioguard.proof_json import dumps
from vfioguard.report import Checked, Missing
from vfioguard.serve.answer.gate import Gate, all_json, gate, one_json
from vfioguard.serve.answer.latest import Single
from vfioguard.serve.http.errors import Problem
from vfioguard.serve.http.lookup import Lookup, unlisted
from vfioguard.serve.http.openapi import Description
from vfioguard.serve.http.responses import JSON, LINES, Asked, fresh
from vfioguard.serve.http.v1 import OfBackend, Policy
from vfioguard.target import identity_of

#: Targets of one request at most; more take longer than a gate may.
_MOST = 4096

Target = Annotated[str, Path(description="a PCI address, another device's name, or group:N")]
Targets = Annotated[
    list[str], Query(alias="target", description="as above; may be repeated", max_length=_MOST)
]
Strict = Annotated[bool, Query(description="409 also if only the override lets it pass")]
Now = Annotated[bool, Query(description="as it stands: nothing is bound for the attach")]
Interrupts = Annotated[bool, Query(description="ask for the interrupt rule alone")]
#: What `identity_of` takes; the schema says it, and the answer to another one is ours.
_ID = "(0[xX])?[0-9A-Fa-f]{4}:(0[xX])?[0-9A-Fa-f]{4}"
_PATTERN = Field(json_schema_extra={"pattern": rf"^({_ID}|\[{_ID}\])$"})
Expect = Annotated[
    tuple[Annotated[str, _PATTERN], ...],
    Query(
        description="no, if a function has another id, as addresses change; may be repeated",
        examples=["8086:10d3"],
    ),
]


def add_gate(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    """The route that names one target in its path, and the one that takes several."""
    _add_several(app, lookup, describe)
    _add_one(app, lookup, describe)


def _add_several(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    @app.get(
        "/v1/check",
        responses={
            **describe.answer(Checks, 422, also=("text/plain",)),
            **describe.problem(404, ChecksProblem),
            **describe.problem(409, ChecksProblem),
            **describe.problem(503, ChecksProblem, shapes.Problem),
        },
    )
    async def several(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Request,
        targets: Targets,
        strict: Strict = False,
        now: Now = False,
        interrupts: Interrupts = False,
        expect: Expect = (),
        policy: Policy = None,
        backend: OfBackend = None,
    ) -> Response:
        """May these be attached together? The gate for `curl -f`."""
        lookup.ready()
        single = lookup.single(lookup.chosen(policy, backend))
        answers = _answers(
            single, targets, How(now=now, interrupts=interrupts, expect=_ids(expect))
        )
        given = gate(single.view.report, answers, strict=strict)
        return _response(request, given, all_json(single.generated_at, given))


def _add_one(app: FastAPI, lookup: Lookup, describe: Description) -> None:
    @app.get(
        "/v1/check/{target}",
        responses={
            **describe.answer(Check, 422, also=("text/plain",)),
            **describe.problem(404, CheckProblem),
            **describe.problem(409, CheckProblem),
            **describe.problem(503, CheckProblem, shapes.Problem),
        },
    )
    async def one(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Request,
        target: Target,
        strict: Strict = False,
        now: Now = False,
        interrupts: Interrupts = False,
        expect: Expect = (),
        policy: Policy = None,
        backend: OfBackend = None,
    ) -> Response:
        """May it be attached? The gate for `curl -f`."""
        lookup.ready()
        single = lookup.single(lookup.chosen(policy, backend))
        answers = _answers(
            single, [target], How(now=now, interrupts=interrupts, expect=_ids(expect))
        )
        given = gate(single.view.report, answers, strict=strict)
        return _response(request, given, one_json(single.generated_at, given))


def _answers(single: Single, targets: list[str], how: How) -> list[Checked | Missing]:
    """The answer for each target, given all others. Raises `Problem` if no group is known."""
    known = single.view.targets
    asks = known.asks(targets)
    if any(isinstance(ask, Missing) for ask in asks):
        unlisted(single)
    there = [ask for ask in asks if isinstance(ask, Ask)]
    checked = iter(single.check(known.groups(there), there, how))
    return [ask if isinstance(ask, Missing) else next(checked) for ask in asks]


def _ids(expect: tuple[str, ...]) -> tuple[str, ...]:
    """The ids as the kernel has them. Raises `Problem` for what is none."""
    ids = [(text, identity_of(text)) for text in expect]
    for text, identity in ids:
        if identity is None:
            raise Problem(422, f"expect: {text[:64]!r} is not VENDOR:DEVICE, such as 8086:10d3")
    return tuple([identity for _, identity in ids if identity is not None])


def _response(request: Request, given: Gate, body: Check | Checks) -> Response:
    if given.status != 200:
        raise Problem(given.status, given.detail, body)
    if Asked.by(request).lines:
        return fresh(LINES, "".join([f"{line}\n" for line in given.lines]).encode())
    return fresh(JSON, dumps(body).encode() + b"\n")
