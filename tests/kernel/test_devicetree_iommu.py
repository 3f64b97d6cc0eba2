"""What a device tree says of IOMMUs: who they are, what they translate, how they reach memory."""

from __future__ import annotations

import pytest

from tests.support.arm_firmware import cells
from vfioguard.fact import Fact, Gap
from vfioguard.kernel.firmware import devicetree
from vfioguard.kernel.firmware.devicetree import Node
from vfioguard.root.memory import Entry, Memory

BASE = "/sys/firmware/devicetree/base"
SMMU = "/soc/iommu@9050000"


def node(properties: dict[str, bytes], path: str = SMMU) -> Node:
    host: dict[str, Entry] = {f"{BASE}/compatible": b"test\0"}
    host[f"{BASE}{SMMU}/#iommu-cells"] = cells(1)
    host |= {f"{BASE}{place}": value for place, value in properties.items()}
    found = devicetree.read(Memory(host))
    assert isinstance(found, Fact)
    return found.value[path]


def test_an_iommu_is_known_by_its_cells() -> None:
    assert node({}).iommu is True
    assert node({"/its@1/msi-controller": b""}, "/its@1").iommu is False


@pytest.mark.parametrize(
    ("properties", "coherent"),
    [
        ({}, False),
        ({f"{SMMU}/dma-coherent": b""}, True),
        ({"/soc/dma-coherent": b""}, True),
        ({"/dma-coherent": b""}, True),
        ({"/soc/dma-coherent": b"", f"{SMMU}/dma-noncoherent": b""}, False),
        ({"/soc/other@1/dma-coherent": b""}, False),
        ({f"{SMMU}/interconnects": cells(7)}, None),
    ],
)
def test_the_nearest_node_above_says_how_memory_is_reached(
    properties: dict[str, bytes], *, coherent: bool | None
) -> None:
    assert node(properties).coherent is coherent


def test_a_host_bridge_says_which_ids_an_iommu_translates() -> None:
    bridge = node(
        {
            "/pcie@1/device_type": b"pci\0",
            "/pcie@1/iommu-map": cells(0, 5, 0, 0x10000),
            "/pcie@1/iommu-map-mask": cells(0xFFFF),
        },
        "/pcie@1",
    )
    assert isinstance(bridge.iommu_map, Fact)
    assert bridge.iommu_map.value == (0, 5, 0, 0x10000)
    assert isinstance(bridge.iommu_map_mask, Fact)
    assert bridge.iommu_map_mask.value == 0xFFFF


def test_a_map_that_was_listed_and_not_recorded_maps_nothing_away() -> None:
    bridge = node({"/pcie@1/device_type": b"pci\0", "/pcie@1/iommu-map": b""}, "/pcie@1")
    assert isinstance(bridge.iommu_map, Gap)
