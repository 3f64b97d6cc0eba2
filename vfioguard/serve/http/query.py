"""A query that a route does not declare is an error: a misspelt `strict` must not open the gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.routing import APIRoute

from vfioguard.output.json import dumps
from vfioguard.serve.http.errors import Problem

#: Routes below it are exact. Pages and scrapers' routes ignore what they do not know.
_EXACT = "/v1/"
#: Characters of an unknown name that are shown.
_SHOWN = 64


async def exact_query(request: Request) -> None:
    """Dependency of every route. Raises `Problem` for the first name that the route does not take.

    Only a parameter that is declared as a list may be repeated.
    """
    route, query = request.scope["route"], request.scope["query_string"]
    if not query or not isinstance(route, APIRoute) or not route.path.startswith(_EXACT):
        return
    declared = {field.alias: field.field_info.annotation for field in route.dependant.query_params}
    names = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    for name, times in names.items():
        if name not in declared:
            raise Problem(422, f"unknown parameter {_quoted(name)}; {_advice(name, declared)}")
        if times > 1 and not _is_list(declared[name]):
            raise Problem(422, f"parameter {_quoted(name)} is given {times} times; give it once")


def _is_list(annotation: object) -> bool:
    """Whether a parameter takes several values: `list[...]`, or that or None."""
    return any(get_origin(part) is list for part in (annotation, *get_args(annotation)))


def _advice(name: str, known: Collection[str]) -> str:
    if not known:
        return "this route takes none"
    from difflib import get_close_matches  # only a misspelt name needs it

    close = get_close_matches(name[:_SHOWN].lower(), known, n=1)
    return f"did you mean {_quoted(close[0])}?" if close else f"there are {', '.join(known)}"


def _quoted(name: str) -> str:
    return dumps(name[:_SHOWN])
