"""What the kernel said when it was asked: `vfioguard try --output json`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.check import OneBackend
from vfioguard.json_shapes.document import Document


class SystemCall(TypedDict):
    """One call of an attach."""

    call: Annotated[str, Field(description="`open`, or the ioctl", examples=["VFIO_SET_IOMMU"])]
    on: Annotated[str, Field(description="the node or device that it was about")]
    errno: Annotated[str | None, Field(description="null if it succeeded", examples=["EPERM"])]


class Trial(TypedDict):
    """What the kernel said of an attach through one backend."""

    agrees: Annotated[
        bool | None,
        Field(
            description="whether it did what was foretold; null if nothing was, or if the call "
            "that was foretold to fail was not made"
        ),
    ]
    errno: Annotated[str | None, Field(description="the errno of the kernel, null for none")]
    call: Annotated[str | None, Field(description="the call that gave it")]
    opened: Annotated[bool, Field(description="whether the attach opens devices")]
    calls: Annotated[
        list[SystemCall], Field(description="all that were made, up to the first errno")
    ]
    foretold: Annotated[OneBackend, Field(description="the answer of `check --now`")]


class Tried(TypedDict):
    """One target."""

    target: Annotated[str, Field(description="what was asked for", examples=["0000:41:00.0"])]
    group: Annotated[int | None, Field(description="its group, null if it is in none")]
    devices: Annotated[list[str], Field(description="the devices that a guest gets")]
    why_not: Annotated[
        str | None, Field(description="why the kernel was not asked, null if it was")
    ]
    backends: Annotated[dict[str, Trial], Field(description="the answer of each backend")]


class Tries(Document):
    """What the kernel said, beside what was foretold."""

    kernel: Annotated[str | None, Field(description="the kernel's release")]
    capture: Annotated[
        str | None,
        Field(description="the capture with these answers in it, if one is not as foretold"),
    ]
    targets: Annotated[list[Tried], Field(description="in the order of the command line")]
