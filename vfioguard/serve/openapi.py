"""What FastAPI's OpenAPI document gets wrong about this service, put right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vfioguard.serve.problem import MEDIA_TYPE


def finish(document: dict[str, Any], policies: tuple[str, ...]) -> dict[str, Any]:
    """Errors are problem+json, and `policy` takes one of a closed set. Changes its argument."""
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if status[0] in "45" and "application/json" in content:
                content[MEDIA_TYPE] = content.pop("application/json")
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "policy":
                parameter["schema"] = {"type": "string", "enum": list(policies)}
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()
