"""The parts of a proof."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.fact import Why


class FactLeaf(TypedDict):
    """What a file of the host held."""

    path: Annotated[str, Field(description="the file")]
    raw: Annotated[str, Field(description="its text, at most 256 bytes; others than ASCII escaped")]


class GapLeaf(TypedDict):
    """Why a file of the host told nothing."""

    path: Annotated[str, Field(description="the file")]
    why: Annotated[Why, Field(description="why it could not be used")]
    errno: Annotated[str | None, Field(description="the kernel's error, null if it gave none")]
    detail: Annotated[str, Field(description="the reason as a sentence for people")]


class Claim(TypedDict):
    """A claim, whether it holds, and the evidence that decided it."""

    claim: Annotated[str, Field(description="the claim as a sentence for people")]
    truth: Annotated[
        bool | None, Field(description="whether it holds, null if the evidence does not decide")
    ]
    because: Annotated[
        list[Part],
        Field(description="the claims and files that decided it, at most 64"),
    ]
    omitted: NotRequired[
        Annotated[int, Field(description="how many further parts `because` leaves out")]
    ]


Part: TypeAlias = Claim | FactLeaf | GapLeaf
