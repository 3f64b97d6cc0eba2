"""What FastAPI's OpenAPI document gets wrong about this service, put right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vfioguard.serve.problem import MEDIA_TYPE

#: Where a schema is, as pydantic's `ref_template`.
SCHEMA = "#/components/schemas/{model}"


def finish(
    document: dict[str, Any], policies: tuple[str, ...], streams: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Errors are problem+json, and `policy` takes one of a closed set. Changes its argument.

    `streams` has the JSON schema of one item for media types that are no single document; its
    references are as those of the document.
    """
    schemas = document["components"]["schemas"]
    for found in streams.values():
        schemas |= {found["title"]: found, **found.pop("$defs", {})}
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            for media_type in streams.keys() & content.keys():
                title = streams[media_type]["title"]
                content[media_type] = {"schema": {"$ref": SCHEMA.format(model=title)}}
            if status[0] in "45" and "application/json" in content:
                content[MEDIA_TYPE] = content.pop("application/json")
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "policy":
                parameter["schema"] = {"type": "string", "enum": list(policies)}
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()
