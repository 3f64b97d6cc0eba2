"""What every JSON document begins with, and whether it can be relied on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict


class Stale(TypedDict):
    """Why an answer may be behind the host."""

    since: Annotated[
        str,
        Field(
            description="from when on it may be (RFC 3339, UTC)", examples=["2026-11-22T18:00:00Z"]
        ),
    ]
    why: Annotated[str, Field(description="a sentence for people, as /-/ready says it")]


class Marks(TypedDict):
    """Whether the answer can be relied on. A command always reads the host, and has null."""

    stale: Annotated[Stale | None, Field(description="null if the answer can be relied on")]
    read_at: Annotated[
        str | None,
        Field(description="when the host was last read, if the answer is stale (RFC 3339, UTC)"),
    ]


class Marked(Marks):
    """What every answer begins with."""

    schema_version: Annotated[
        Literal[1], Field(description="fields are added under the same number, never changed")
    ]


class Document(Marked):
    """An answer, and when it was made."""

    generated_at: Annotated[
        str,
        Field(
            description="when this was first said (RFC 3339, UTC)",
            examples=["2026-11-22T18:00:00Z"],
        ),
    ]
