"""What `vfioguard explain --output json` prints: what a text means on a host, or a proof."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.cause import Why
from vfioguard.json_shapes.document import Document
from vfioguard.json_shapes.facts import FactsByName
from vfioguard.json_shapes.report import Group, Ungrouped
from vfioguard.symptom import Whose
from vfioguard.verdict import Outcome


class Possible(TypedDict):
    """A cause that this host does not exclude."""

    errno: Annotated[str, Field(description="the errno that it gives", examples=["EPERM"])]
    why: Annotated[str, Field(description="the cause, as a clause")]
    do: Annotated[str, Field(description="what to do about it")]
    known: Annotated[bool, Field(description="false: no file of this host shows whether it is so")]
    here: Annotated[str | None, Field(description="the fact of this host")]
    groups: Annotated[list[int], Field(description="the groups that it concerns, by number")]


class Line(TypedDict):
    """What one line means here. Lines that say the same are one."""

    line: Annotated[str, Field(description="printable ASCII, at most 400 characters of it")]
    number: Annotated[int, Field(description="of the line in the text, from 1")]
    whose: Annotated[
        Whose,
        Field(
            description="vfio: VFIO refuses. device: not the interrupts. other: not VFIO's. fine: "
            "nothing is wrong. repeats: another line has the cause"
        ),
    ]
    errno: Annotated[str | None, Field(description="that the line tells, or stands for")]
    call: Annotated[str | None, Field(description="the call that failed, null if it names none")]
    means: Annotated[
        str | None, Field(description="null if only errno and call are known: see possible_here")
    ]
    do: Annotated[str | None, Field(description="what to do, for a line with `means`")]
    here: Annotated[str | None, Field(description="the fact of this host, for such a line")]
    possible_here: Annotated[list[Possible], Field(description="the likeliest first")]
    not_here: Annotated[list[str], Field(description="names of causes that this host excludes")]
    override: Annotated[
        str | None, Field(description="what the override gives away, only where interrupts refuse")
    ]
    groups: Annotated[list[int], Field(description="groups of this host that the line names")]
    not_on_this_host: Annotated[
        list[str], Field(description="groups and devices that it names and this host lacks")
    ]


class Message(TypedDict):
    """A text, and what is understood of it."""

    lines: Annotated[int, Field(description="lines that were read and are not empty")]
    foreign: Annotated[int, Field(description="lines with an errno that is not VFIO's")]
    cut: Annotated[str | None, Field(description="what was not read of a long text, or null")]
    understood: Annotated[list[Line], Field(description="the most telling first")]


class Answer(TypedDict):
    """One target: a group with its proof, a device in no group, or a text."""

    target: Annotated[str, Field(description="as it was given; a text is cut at 400 characters")]
    outcome: Annotated[Outcome, Field(description="what the exit status says of it")]
    group: Annotated[Group | None, Field(description="the group that is named, or is the device's")]
    device: Annotated[Ungrouped | None, Field(description="the device, if it is in no group")]
    message: Annotated[Message | None, Field(description="the text, if the target is one")]
    why: Why


class Told(Answer):
    """The same, and what the devices are: those of the group, or those that the text names."""

    facts: FactsByName


class Explained(TypedDict):
    """What `explain` prints as JSON."""

    schema_version: Literal[1]
    kernel: Annotated[str | None, Field(description="the running kernel's release")]
    assumed: Annotated[
        list[str], Field(description="states that somebody assumed; [] for the host as it is")
    ]
    answers: Annotated[list[Told], Field(description="one for each target, in their order")]


class Answers(TypedDict):
    """What is said of the targets."""

    kernel: Annotated[str | None, Field(description="the running kernel's release")]
    answers: Annotated[list[Told], Field(description="one for each target, in their order")]


class ExplainedNow(Document, Answers):
    """The same over HTTP."""
