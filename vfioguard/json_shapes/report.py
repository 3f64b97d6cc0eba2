"""The report and its parts. Fields are added, never changed."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

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


class Document(TypedDict):
    """What every answer begins with."""

    schema_version: Annotated[
        Literal[1], Field(description="fields are added under the same number, never changed")
    ]
    generated_at: Annotated[
        str,
        Field(
            description="when this was first said (RFC 3339, UTC)",
            examples=["2026-11-22T18:00:00Z"],
        ),
    ]


class Verdict(TypedDict):
    """What one policy says of a group."""

    policy: Annotated[str, Field(description="the predicate, named as the kernel names it")]
    outcome: Annotated[Outcome, Field(description="what this policy answers")]
    needs_override: NeedsOverride
    because: Annotated[Claim, Field(description="the proof of the kernel's interrupt test")]
    override: Annotated[Claim, Field(description="the proof of the switch that turns it off")]


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


class Holder(TypedDict):
    """A process that has a device node of the group open."""

    pid: Annotated[int, Field(description="the process, in the daemon's PID namespace")]
    name: Annotated[str, Field(description="the name of the process")]
    since: Annotated[str | None, Field(description="when the process was started (RFC 3339, UTC)")]


class Group(TypedDict):
    """An IOMMU group."""

    id: Annotated[int, Field(description="its number in /sys/kernel/iommu_groups")]
    type: Annotated[
        str | None, Field(description="the type of its default domain", examples=["DMA-FQ"])
    ]
    devices: Annotated[list[Device], Field(description="the members")]
    outcome: Headline
    needs_override: NeedsOverride
    policy: Annotated[str, Field(description="the policy that gave `outcome`")]
    backends: Annotated[
        dict[str, Verdict | None],
        Field(description="backend -> verdict, null where this kernel does not have the backend"),
    ]
    series: Annotated[Verdict, Field(description="what the series of 2016 says")]
    agrees: Annotated[
        Truth, Field(description="whether the series and the kernel agree, null if unknown")
    ]
    holders: Annotated[
        list[Holder] | None,
        Field(description="who holds the group; null if nobody looked or a gap says why not"),
    ]


class Host(TypedDict):
    """The host, and the policies that judge its groups."""

    kernel: Annotated[
        str | None, Field(description="the kernel's release", examples=["6.12.107+deb13-amd64"])
    ]
    arch: Annotated[str | None, Field(description="the architecture", examples=["x86_64"])]
    iommu: Annotated[list[str], Field(description="the IOMMUs", examples=[["dmar0"]])]
    policies_in_force: Annotated[list[str], Field(description="the kernel's own policies here")]
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
    because: Annotated[Claim, Field(description="its proof")]


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
    groups_read: Annotated[
        GapLeaf | None, Field(description="why the kernel's list of groups could not be read")
    ]


class ReportTail(TypedDict):
    """What stands behind the groups of a report."""

    ungrouped_devices: Annotated[
        list[Ungrouped], Field(description="the PCI functions in no group")
    ]
    findings: Annotated[list[Finding], Field(description="everything a person should look at")]
    gaps: Annotated[list[GapLeaf], Field(description="what could not be read")]


class Report(ReportHead, ReportTail):
    """The whole host."""

    groups: Annotated[list[Group], Field(description="every group, by number")]


TableState: TypeAlias = Annotated[
    str, Field(json_schema_extra={"enum": ["present", "absent", "denied", "hidden", "failed"]})
]
