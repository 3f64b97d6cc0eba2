"""The report and its parts. Fields are added, never changed."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.attach import Attach
from vfioguard.json_shapes.attachment import (
    Attaching,
    Attachment,
    AttachNow,
    Backend,
    Blockers,
    FirstCall,
    FirstErrno,
)
from vfioguard.json_shapes.cause import CauseRow, Named, Step
from vfioguard.json_shapes.document import Document
from vfioguard.json_shapes.facts import FactsByName
from vfioguard.json_shapes.proof import Claim, GapLeaf
from vfioguard.verdict import Outcome

Headline: TypeAlias = Annotated[
    Outcome, Field(description="the worst outcome of the backends, or that of the pinned policy")
]
NeedsOverride: TypeAlias = Annotated[
    bool | None,
    Field(description="whether the attach is refused while every override is off; null if unknown"),
]
Truth: TypeAlias = bool | None

#: The key `class` is a keyword of Python.
Classed = TypedDict(
    "Classed",
    {
        "class": Annotated[
            str | None,
            Field(
                description="the PCI class code, null for other buses",
                pattern="^0x[0-9a-f]{6}$",
                examples=["0x020000"],
            ),
        ]
    },
)


class Verdict(TypedDict):
    """What one policy says of a group. Without proofs it is only the outcome."""

    outcome: Annotated[Outcome, Field(description="what this policy answers")]
    policy: NotRequired[
        Annotated[str, Field(description="the predicate, named as the kernel names it")]
    ]
    needs_override: NotRequired[NeedsOverride]
    because: NotRequired[
        Annotated[Claim, Field(description="the proof of the kernel's interrupt test")]
    ]
    override: NotRequired[
        Annotated[Claim, Field(description="the proof of the switch that turns it off")]
    ]


class BackendVerdict(Verdict, Attaching):
    """What the policy of one backend says of the interrupts, and what the whole attach answers.

    Without proofs it is only both answers.
    """

    attach_now: NotRequired[AttachNow]
    blockers: NotRequired[Blockers]
    errno: NotRequired[FirstErrno]
    call: NotRequired[FirstCall]


class Device(Classed):
    """A member of a group."""

    name: Annotated[str, Field(description="as its bus names it", examples=["0000:41:00.0"])]
    bus: Annotated[str, Field(description="the bus in sysfs", examples=["pci"])]
    driver: Annotated[str | None, Field(description="the driver that is bound, null for none")]
    isolated: Annotated[
        Truth, Field(description="whether its own MSI domain isolates, null if unknown")
    ]


class Ungrouped(Classed):
    """A PCI function in no IOMMU group."""

    name: Annotated[str, Field(description="the PCI address", examples=["0000:41:00.0"])]
    driver: Annotated[str | None, Field(description="the driver that is bound, null for none")]
    binds: Annotated[
        Truth, Field(description="whether a VFIO driver can be bound to it, null if unknown")
    ]
    reason: Annotated[str, Field(description="why it is in no group; follows the name")]


class Lone(Ungrouped, Named):
    """The same with its proof, and with the fields of a device in a group."""

    bus: Annotated[str, Field(description="the bus in sysfs", examples=["pci"])]
    isolated: Annotated[None, Field(description="not known of a device without a group")]
    attach: Annotated[
        Attach | None,
        Field(description="the attach after a bind that makes its group, null if none does"),
    ]
    because: Annotated[
        Claim | None,
        Field(description="the proof of `reason`, null if it is only the missing link to a group"),
    ]


class Holder(TypedDict):
    """A process that has a device node of the group open."""

    pid: Annotated[int, Field(description="the process, in the daemon's PID namespace")]
    name: Annotated[str, Field(description="the name of the process")]
    since: Annotated[str | None, Field(description="when the process was started (RFC 3339, UTC)")]


HoldersGap: TypeAlias = Annotated[
    str | None, Field(description="why it is not known who holds it; null where it is")
]


class Compared(TypedDict):
    """A group and the series of 2016."""

    series: NotRequired[
        Annotated[
            Verdict,
            Field(description="what the series of 2016 says; without proofs only if it is another"),
        ]
    ]


class Group(Attachment, Named, Compared):
    """An IOMMU group. Its own attach is the worst of the backends that count."""

    id: Annotated[int, Field(description="its number in /sys/kernel/iommu_groups")]
    type: Annotated[
        str | None, Field(description="the type of its default domain", examples=["DMA-FQ"])
    ]
    devices: Annotated[list[Device], Field(description="the members")]
    outcome: Headline
    needs_override: NeedsOverride
    policy: Annotated[str, Field(description="the policy that gave `outcome`")]
    attachable: Annotated[
        bool, Field(description="whether a VFIO driver may take a member; else no exit counts it")
    ]
    backends: Annotated[
        dict[str, BackendVerdict | None],
        Field(description="backend -> verdict, null where this kernel does not have the backend"),
    ]
    agrees: Annotated[
        Truth, Field(description="whether the series and the kernel agree, null if unknown")
    ]
    holders: Annotated[
        list[Holder] | None,
        Field(description="who holds the group; null if nobody looked, or if it is not known"),
    ]
    holders_gap: HoldersGap


class Shift(TypedDict):
    """The groups whose outcome an assumption changes."""

    before: Annotated[Outcome, Field(description="on the host as it is")]
    after: Annotated[Outcome, Field(description="on the host that is assumed")]
    groups: Annotated[list[int], Field(description="their numbers")]


class Host(TypedDict):
    """The host, and the policies that judge its groups."""

    kernel: Annotated[
        str | None, Field(description="the kernel's release", examples=["6.12.107+deb13-amd64"])
    ]
    arch: Annotated[str | None, Field(description="the architecture", examples=["x86_64"])]
    iommu: Annotated[list[str], Field(description="the IOMMUs", examples=[["dmar0"]])]
    policies_in_force: Annotated[list[str], Field(description="the kernel's own policies here")]
    backends_counting: Annotated[
        list[Backend], Field(description="the backends that the headlines are the worst of")
    ]
    pinned_backend: Annotated[
        Backend | None, Field(description="the backend that somebody asked for")
    ]
    pinned_policy: Annotated[
        str | None, Field(description="the policy that was asked for, null for those in force")
    ]
    interrupt_remapping: Annotated[
        Truth, Field(description="whether it is on; null if unknown, or not an x86")
    ]


class Finding(TypedDict):
    """Something about the whole host that a person should look at."""

    finding: Annotated[str, Field(description="its name", examples=["override_not_needed"])]
    severity: Annotated[
        str,
        Field(description="as alerts call it", json_schema_extra={"enum": ["warning", "critical"]}),
    ]
    summary: Annotated[str, Field(description="a sentence for people")]
    change: Annotated[list[Step], Field(description="what to do, in this order")]
    because: NotRequired[Annotated[Claim, Field(description="its proof; left out if not wanted")]]


class ReportHead(Document):
    """What stands before the groups of a report."""

    host: Annotated[Host, Field(description="the host, and the policies in force")]
    overrides: Annotated[
        dict[str, bool | None],
        Field(description="module.parameter -> value, null if not loaded or not readable"),
    ]
    pending_overrides: Annotated[
        dict[str, bool | None],
        Field(description="module.parameter -> what loading the module would set"),
    ]
    firmware: Annotated[
        dict[str, TableState], Field(description="firmware table -> what became of reading it")
    ]
    assumed: Annotated[
        list[str], Field(description="states that somebody assumed; [] for the host as it is")
    ]
    shifts: Annotated[list[Shift], Field(description="what the assumption changes; [] without one")]
    groups_read: Annotated[
        GapLeaf | None, Field(description="why the kernel's list of groups could not be read")
    ]


class ReportTail(TypedDict):
    """What stands behind the groups of a report."""

    ungrouped: Annotated[list[Lone], Field(description="the PCI functions in no group")]
    ungrouped_devices: Annotated[
        list[Ungrouped],
        Field(description="fewer fields of the same; use `ungrouped`", deprecated=True),
    ]
    findings: Annotated[list[Finding], Field(description="everything a person should look at")]
    gaps: Annotated[list[GapLeaf], Field(description="what could not be read")]
    causes: Annotated[
        list[CauseRow], Field(description="the first causes, those of the most groups first")
    ]


class Report(ReportHead, ReportTail):
    """The whole host."""

    groups: Annotated[list[Group], Field(description="every group, by number")]


class WideReport(Report):
    """The whole host and, if somebody asked for it, what its devices are."""

    facts: NotRequired[FactsByName]


TableState: TypeAlias = Annotated[
    str, Field(json_schema_extra={"enum": ["present", "absent", "denied", "hidden", "failed"]})
]
