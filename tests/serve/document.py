"""/openapi.json as a judge of answers: JSON Schema 2020-12, which OpenAPI 3.1 has adopted."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.serve.serving import served
from tests.support.hosts import x86_host


@cache
def document() -> dict[str, Any]:
    """The document that a daemon prints."""
    found: dict[str, Any] = served(x86_host()).json("/openapi.json")
    return found


def holds(schema: dict[str, Any], value: object) -> None:
    """The value is one of the schema, and the schema knows every member of it."""
    shapes = document()["components"]["schemas"]
    closed = {name: _closed(shape) for name, shape in shapes.items()}
    whole = {"components": {"schemas": closed}, "allOf": [schema]}
    Draft202012Validator(whole).validate(value)


def schema_of(path: str, status: int = 200) -> dict[str, Any]:
    """The schema of a route's JSON with this status."""
    content = document()["paths"][path]["get"]["responses"][str(status)]["content"]
    media_type = "application/json" if status == 200 else "application/problem+json"
    schema: dict[str, Any] = content[media_type]["schema"]
    return schema


def _closed(shape: dict[str, Any]) -> dict[str, Any]:
    """Fields may be added in later versions; a test wants none that is not described."""
    return {**shape, "additionalProperties": False} if "properties" in shape else shape
