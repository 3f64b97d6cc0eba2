"""The whole attach, and what blocks it besides the interrupts."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.attach import Attach
from vfioguard.json_shapes.proof import Claim

# As in vfioguard/attach.py, whose aliases are nothing at run time (vfioguard/typed.py).
Backend: TypeAlias = Literal["type1", "iommufd", "spapr_tce"]
Call: TypeAlias = Literal[
    "bind",
    "open",
    "VFIO_GROUP_SET_CONTAINER",
    "VFIO_SET_IOMMU",
    "VFIO_GROUP_GET_DEVICE_FD",
    "VFIO_DEVICE_BIND_IOMMUFD",
]


class Blocker(TypedDict):
    """A reason besides the interrupts for which the kernel refuses an attach."""

    name: Annotated[str, Field(description="the kind of blocker", examples=["not_viable"])]
    lasting: Annotated[
        bool, Field(description="true: for good on this boot; false: `change` removes it")
    ]
    device: Annotated[str | None, Field(description="the member it concerns, null for the group")]
    errno: Annotated[
        str | None, Field(description="what the user meets, null if not known", examples=["EPERM"])
    ]
    call: Annotated[
        Call, Field(description="where: `bind`, `open`, or the ioctl as the kernel names it")
    ]
    change: NotRequired[
        Annotated[list[str], Field(description="commands that remove it, for this host")]
    ]
    because: NotRequired[
        Annotated[Claim, Field(description="the proof; its truth is null if not known")]
    ]


AttachNow: TypeAlias = Annotated[
    Attach | None, Field(description="as it stands; null while no member is on a VFIO driver")
]
Blockers: TypeAlias = Annotated[
    list[Blocker], Field(description="those that the user meets first come first")
]
FirstErrno: TypeAlias = Annotated[
    str | None,
    Field(description="the first that the kernel gives, as it stands if that is an answer"),
]
FirstCall: TypeAlias = Annotated[Call | None, Field(description="the call that gives it")]


class Attaching(TypedDict):
    """The answer about the whole attach."""

    attach: Annotated[
        Attach,
        Field(description="once every member that a VFIO driver takes is bound to one"),
    ]


class Attachment(Attaching):
    """The whole attach: interrupts and blockers, in the kernel's order of calls."""

    attach_now: AttachNow
    blockers: Blockers
    errno: FirstErrno
    call: FirstCall
