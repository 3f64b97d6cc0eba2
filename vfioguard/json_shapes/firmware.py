"""The firmware tables that bear on interrupts: `vfioguard firmware`, /v1/firmware."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from vfioguard.json_shapes.document import Marked
from vfioguard.json_shapes.proof import GapLeaf


class Remapping(TypedDict):
    """Whether an x86's firmware allows interrupt remapping, which is not whether it is on."""

    possible: Annotated[
        bool | None, Field(description="false: no kernel can turn it on; null if unknown")
    ]
    reasons: Annotated[list[str], Field(description="why, as sentences for people")]
    missing_io_apics: Annotated[
        list[int], Field(description="the IDs of the IO-APICs that the firmware leaves out")
    ]


class Break(TypedDict):
    """Where a table stops making sense."""

    offset: Annotated[int, Field(description="bytes from the beginning of the table")]
    why: Annotated[str, Field(description="what is wrong there")]


class LostReference(TypedDict):
    """A structure that refers to a place of its table where no such structure is."""

    offset: Annotated[int, Field(description="the structure: bytes from the table's beginning")]
    reference: Annotated[int, Field(description="the place: bytes from the table's beginning")]


class Table(TypedDict):
    """A table, decoded as far as it makes sense."""

    signature: Annotated[str, Field(description="its name", examples=["DMAR"])]
    path: Annotated[str, Field(description="the file")]
    state: Annotated[
        str,
        Field(
            description="what became of reading it",
            json_schema_extra={
                "enum": ["present", "malformed", "absent", "denied", "hidden", "failed"]
            },
        ),
    ]
    errno: Annotated[str | None, Field(description="the kernel's error, null if it gave none")]
    detail: Annotated[str | None, Field(description="why it could not be read, null if it could")]
    broken: Annotated[Break | None, Field(description="null if all of it makes sense")]
    lost_references: Annotated[
        list[LostReference], Field(description="structures that refer to none")
    ]
    table: Annotated[
        dict[str, object] | None,
        Field(description="every field by its name, bytes as hex; each structure has its `kind`"),
    ]


class MemoryHolder(TypedDict):
    """A device that goes on using memory of the firmware."""

    device: Annotated[str, Field(description="the PCI address", examples=["0000:00:02.0"])]
    group: Annotated[int | None, Field(description="the number of its group, null if in none")]
    relaxable: Annotated[bool, Field(description="whether Linux gives the memory up for a guest")]
    shown: Annotated[
        bool | None, Field(description="whether its group's reserved_regions have the memory")
    ]


class MemoryRegion(TypedDict):
    """Memory that firmware keeps for devices."""

    kind: Annotated[
        str,
        Field(
            description="the structure that says so",
            json_schema_extra={"enum": ["RMRR", "IVMD", "RMR"]},
        ),
    ]
    start: Annotated[int, Field(description="the first byte, as Linux has it")]
    end: Annotated[int, Field(description="the last byte, as Linux has it")]
    path: Annotated[str, Field(description="the file of the table")]
    offset: Annotated[int, Field(description="the structure: bytes from the table's beginning")]
    devices: Annotated[list[MemoryHolder], Field(description="the devices that go on using it")]
    unresolved: Annotated[
        list[str], Field(description="what the structure names and this host does not have")
    ]


class Memory(TypedDict):
    """All memory of this host that firmware keeps for devices."""

    regions: Annotated[list[MemoryRegion], Field(description="each by the structure that names it")]
    gaps: Annotated[
        list[GapLeaf], Field(description="tables that may name more and cannot be read")
    ]


class Firmware(Marked):
    """The firmware tables that bear on interrupts."""

    sentence: Annotated[str, Field(description="what follows from the tables, for people")]
    interrupt_remapping: Annotated[
        Remapping | None, Field(description="null if this is not an x86")
    ]
    memory: Annotated[
        Memory | None, Field(description="null for tables from elsewhere (`--table`)")
    ]
    tables: Annotated[
        list[Table], Field(description="every table, those that could not be read too")
    ]
