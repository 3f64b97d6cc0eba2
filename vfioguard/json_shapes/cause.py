"""Why a group is refused, blocked or unknown, and what to change."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.proof import Claim

FirstCause: TypeAlias = Annotated[
    str | None,
    Field(
        description="why the first errno is given; null if nothing has to be explained",
        examples=["intremap_off"],
    ),
]
Causes: TypeAlias = Annotated[
    list[str], Field(description="the names of all causes, that of the first errno first")
]


class Named(TypedDict):
    """The names of why something is refused, blocked or unknown."""

    cause: FirstCause
    causes: Causes


class Step(TypedDict):
    """One thing to do."""

    do: Annotated[str, Field(description="a sentence")]
    where: Annotated[
        str | None, Field(description="the file, menu or command that it concerns, to be copied")
    ]


class Cause(TypedDict):
    """A cause as it holds on this host."""

    name: Annotated[str, Field(description="its kind", examples=["intremap_off"])]
    sentence: Annotated[str, Field(description="what is so on this host")]
    rule: Annotated[
        str | None, Field(description="the kernel's function; null if a blocker has the proof")
    ]
    helps: Annotated[bool, Field(description="whether a step lets the kernel's own test pass")]
    change: Annotated[list[Step], Field(description="what to do, in this order")]
    ticket: Annotated[
        str | None, Field(description="a paragraph for the vendor of a faulty firmware")
    ]
    last_resort: Annotated[
        list[Step],
        Field(description="how to set the override, to be shown after the steps of all causes"),
    ]


class ProvenCause(Cause):
    """A cause of one group, with its proof."""

    because: NotRequired[Annotated[Claim, Field(description="the proof of the sentence")]]


class CauseRow(Cause):
    """A cause, as it holds for the first of these groups."""

    groups: Annotated[
        list[int], Field(description="the groups whose first cause it is; none: the whole host")
    ]


Why: TypeAlias = Annotated[
    list[ProvenCause], Field(description="the causes with what to change, in the same order")
]
