"""The OpenAPI document: what each route declares, with the schemas of `json_shapes`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Literal

from pydantic import TypeAdapter

from vfioguard.json_shapes.answers import Problem
from vfioguard.json_shapes.examples import EVENT, EXAMPLES
from vfioguard.proof_json import dumps
from vfioguard.serve.problem import MEDIA_TYPE, problem
from vfioguard.typed import Any, TypeAlias, cast

#: What FastAPI takes as `responses`.
Responses: TypeAlias = dict[int | str, dict[str, Any]]

_JSON = "application/json"
_TEXT = {"schema": {"type": "string"}}
_SCHEMA = "#/components/schemas/{model}"
_WHY = {
    400: "The Host header names another host, or this is not an HTTP request.",
    401: "A user and a password are needed (--web.config.file).",
    403: "The client certificate has none of the names that are let in (--web.config.file).",
    404: "There is no such group or device.",
    409: "The attach would be refused; with `strict`, also if only the override lets it pass.",
    422: "A parameter is unknown, given twice, or has no such value.",
    429: "Too many requests (--web.config.file).",
    503: "The answer is not known, the daemon is not ready, or too many others ask.",
}
_RETRY = {"description": "seconds after which to ask again", "schema": {"type": "integer"}}
_TAG = {"ETag": {"description": "names this very body", "schema": {"type": "string"}}}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": _RETRY},
    503: {"Retry-After": _RETRY},
}
_KNOWN: Any = {"description": "The client has this very body.", "headers": _TAG}
_SECURITY = {
    "password": {"type": "http", "scheme": "basic", "description": "`basic_auth_users`"},
    "certificate": {"type": "mutualTLS", "description": "`client_auth_type`"},
}
#: Nothing, or what `--web.config.file` asks for over TCP.
_ASKED: list[dict[str, list[str]]] = [{}, {"password": []}, {"certificate": []}]


class Description:
    """Remembers the shapes that the routes declare, and prints the document."""

    def __init__(self) -> None:
        self._shapes: dict[str, type] = {}
        #: What stands before every route answers so (front.py).
        self.common = self._problems((400, 401, 403, 429, 503))

    def answer(self, shape: type, *errors: int, also: tuple[str, ...] = ()) -> Responses:
        """The answers of a route: JSON of this shape or `also` other media types, and errors.

        JSON is first, as generators of clients take the first type for the answer's.
        """
        json_content: dict[str, Any] = {_JSON: {"schema": self._reference(shape)}}
        content = json_content | {kind: _TEXT for kind in also if kind != _JSON}
        return {200: {"content": content}} | self._problems(errors)

    def tagged(self, shape: type, *errors: int, also: tuple[str, ...] = ()) -> Responses:
        """The same of a route whose 200 has an ETag, and which answers If-None-Match."""
        responses = self.answer(shape, *errors, also=also)
        return {**responses, 200: {**responses[200], "headers": _TAG}, 304: _KNOWN}

    def text(self, *media_types: str, errors: tuple[int, ...] = ()) -> Responses:
        """The answers of a route that has no JSON, but for errors."""
        return {200: {"content": dict.fromkeys(media_types, _TEXT)}} | self._problems(errors)

    def kept(self, media_type: str) -> Responses:
        """The answers of a route that has no JSON, and whose 200 has an ETag."""
        return {200: {"content": {media_type: _TEXT}, "headers": _TAG}, 304: _KNOWN}

    def file(self, media_type: str) -> Responses:
        """The answers of a route that sends a file of the package, which is a JSON object."""
        content = {media_type: {"schema": {"type": "object"}}}
        return {200: {"content": content, "headers": _TAG}, 304: _KNOWN}

    def stream(self, media_type: str, shape: type, *errors: int) -> Responses:
        """The answers of a route that sends JSON documents of this shape, each with a name.

        The whole is a text: a client that reads it as one document fails.
        """
        schema = {
            "type": "string",
            "description": "the data of each event; that of a `reset` is its `reason` alone, "
            "that of `stale` is `stale` and `read_at`",
            "contentMediaType": media_type,
            "contentSchema": self._reference(shape),
        }
        return {200: {"content": {media_type: {"schema": schema}}}} | self._problems(errors)

    def problem(self, status: int, *shapes: type) -> Responses:
        """An error; its body is a `Problem` or has one of these shapes."""
        why = _WHY[status]
        bodies = [self._reference(shape) for shape in shapes or (Problem,)]
        schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
        content = {"schema": schema, "example": json.loads(problem(status, why))}
        response: dict[str, Any] = {"description": why, "content": {MEDIA_TYPE: content}}
        if status in _HEADERS:
            response["headers"] = _HEADERS[status]
        return {status: response}

    def _problems(self, statuses: Iterable[int]) -> Responses:
        return {key: value for status in statuses for key, value in self.problem(status).items()}

    def _reference(self, shape: type) -> dict[str, str]:
        self._shapes[shape.__name__] = shape
        return {"$ref": _SCHEMA.format(model=shape.__name__)}

    def document(self, described: dict[str, Any], policies: tuple[str, ...]) -> bytes:
        """/openapi.json: `described`, which is FastAPI's document, with schemas and examples.

        Takes some tens of milliseconds.
        """
        fastapis = described.get("components", {}).get("schemas", {})
        for operation in _operations(described):
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "policy":
                    parameter["schema"] = {"type": "string", "enum": list(policies)}
            for status, content in _contents(operation):
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if (example := EXAMPLES.get(self._shapes.get(name, Problem))) is not None:
                    # Only now: FastAPI drops what is null in it.
                    content["example"] = _of_status(example, status)
                if "contentSchema" in content.get("schema", {}):
                    content["example"] = EVENT
        components = {"schemas": {**fastapis, **self._schemas()}, "securitySchemes": _SECURITY}
        return dumps({**described, "components": components, "security": _ASKED}).encode()

    def _schemas(self) -> dict[str, Any]:
        """Name -> schema of every shape, and of the shapes in it."""
        shapes: list[tuple[str, Literal["serialization"], TypeAdapter[object]]] = [
            (name, "serialization", TypeAdapter(shape)) for name, shape in self._shapes.items()
        ]
        schemas: dict[str, Any] = TypeAdapter.json_schemas(shapes, ref_template=_SCHEMA)[1]["$defs"]
        return schemas


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


def _contents(operation: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each content of an operation's answers, with the status of the answer."""
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield int(status), content


def _of_status(example: object, status: int) -> object:
    """The example of an error, which several statuses of a route may share, with this status."""
    members = _members(example)
    if "status" not in members:
        return example
    return {**members, "status": status, "title": HTTPStatus(status).phrase}


def _members(example: object) -> dict[str, object]:
    return cast("dict[str, object]", example) if isinstance(example, dict) else {}
