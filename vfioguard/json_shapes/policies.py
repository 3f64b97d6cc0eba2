"""The policies: `vfioguard policies --output json`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.attachment import Backend
from vfioguard.json_shapes.document import Document
from vfioguard.json_shapes.proof import Claim


class Policy(TypedDict):
    """A predicate of some kernel, and whether it is in force here."""

    name: Annotated[str, Field(description="the predicate, named as the kernel names it")]
    backend: Annotated[
        Backend | None, Field(description="the backend that it decides for, null for none")
    ]
    kernels: Annotated[str, Field(description="the kernels that have it", examples=["v6.3 and on"])]
    summary: Annotated[str, Field(description="what it asks, as a sentence for people")]
    source: Annotated[str, Field(description="where the kernel has it")]
    in_force: Annotated[bool, Field(description="whether this kernel asks it")]
    carried: Annotated[Claim, Field(description="whether this kernel has it, with the proof")]
    offered: Annotated[
        Claim | None,
        Field(description="whether this kernel has its backend, null if it has none"),
    ]


class Policies(Document):
    """Every policy that vfioguard knows."""

    kernel: Annotated[str | None, Field(description="the kernel's release")]
    policies: Annotated[list[Policy], Field(description="those that are not in force too")]
