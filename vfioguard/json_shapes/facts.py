"""What a device is, beside what decides. Fields are added, never changed."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict


class Iommufd(TypedDict):
    """The way through iommufd, as guests need it that get a device without a container."""

    complete: Annotated[
        bool | None, Field(description="whether all parts are there; null if unknown")
    ]
    offered: Annotated[bool | None, Field(description="whether /dev/iommu is there")]
    cdev: Annotated[
        str | None,
        Field(
            description="the device's own node, null without one",
            examples=["/dev/vfio/devices/vfio0"],
        ),
    ]
    coherent: Annotated[
        bool | None, Field(description="whether its IOMMU keeps caches coherent, null if unknown")
    ]


class Facts(TypedDict):
    """One device. A member is null if it does not apply, or is not known."""

    id: Annotated[str | None, Field(description="vendor and device", examples=["8086:10d3"])]
    vendor_name: Annotated[str | None, Field(description="by the host's pci.ids")]
    device_name: Annotated[str | None, Field(description="by the host's pci.ids")]
    class_name: Annotated[
        str | None, Field(description="its class in words", examples=["Ethernet controller"])
    ]
    physical_function: Annotated[
        str | None, Field(description="the function of which it is a virtual one")
    ]
    parent: Annotated[str | None, Field(description="the device of which it is a mediated part")]
    port: Annotated[str | None, Field(description="the bridge right above it")]
    numa_node: Annotated[int | None, Field(description="its NUMA node")]
    iommu: Annotated[str | None, Field(description="the IOMMU in front", examples=["dmar0"])]
    reset_methods: Annotated[
        list[str] | None,
        Field(description="in the order in which they are tried", examples=[["flr", "bus"]]),
    ]
    msi_vectors: Annotated[int | None, Field(description="the number of its MSIs now")]
    msi_chip: Annotated[str | None, Field(description="the chip of its MSIs")]
    roles: Annotated[
        list[str] | None,
        Field(
            description="what the host needs it for; null if that is not known",
            examples=[["the disk of /"]],
        ),
    ]
    driver_override: Annotated[
        str | None, Field(description="the one driver that may take it, null if any may")
    ]
    iommufd: Annotated[Iommufd, Field(description="the way through iommufd")]


FactsByName: TypeAlias = Annotated[
    dict[str, Facts] | None,
    Field(description="device -> what it is; null if that could not be read in time"),
]
