"""A query that a route does not declare is an error: a misspelt `strict` must not open the gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import get_args, get_origin
from urllib.parse import parse_qsl

from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.types import Receive, Scope, Send

from vfioguard.nearest import alike
from vfioguard.proof_json import dumps
from vfioguard.serve.http.errors import Problem

#: Routes below it are exact. Pages and scrapers' routes ignore what they do not know.
_EXACT = "/v1/"
#: Characters of an unknown name that are shown.
_SHOWN = 64


class ExactRoute(APIRoute):
    """A route that takes the query parameters of its declaration, and below /v1/ no other.

    Only a parameter that is declared as a list may be repeated. A dependency would do the same for
    15 microseconds, a tenth of what the gate costs; this costs nothing if there is no query.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises `Problem` for the first name that the route does not take."""
        if scope["query_string"] and self.path.startswith(_EXACT) and self._serves(scope["method"]):
            declared = {field.alias: field.field_info for field in self.dependant.query_params}
            _check(scope["query_string"], declared)
        await super().handle(scope, receive, send)

    def _serves(self, method: str) -> bool:
        return self.methods is None or method in self.methods


def _check(query: bytes, declared: Mapping[str, FieldInfo]) -> None:
    names = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    for name, times in names.items():
        if name not in declared:
            raise Problem(422, f"unknown parameter {_quoted(name)}; {_advice(name, declared)}")
        if times > 1 and not _is_list(declared[name].annotation):
            raise Problem(422, f"parameter {_quoted(name)} is given {times} times; give it once")


def _is_list(annotation: object) -> bool:
    """Whether a parameter takes several values: a list or a tuple, or that or None."""
    return any(get_origin(part) in {list, tuple} for part in (annotation, *get_args(annotation)))


def _advice(name: str, known: Collection[str]) -> str:
    if not known:
        return "this route takes none"
    close = alike(name.lower(), tuple(known))
    return f"did you mean {_quoted(close)}?" if close else f"there are {', '.join(known)}"


def _quoted(name: str) -> str:
    return dumps(name[:_SHOWN])
