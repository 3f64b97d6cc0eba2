"""Many functions without a group cost work that grows with the host, and no faster."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.support.arm_firmware import BASE, ECAM, EVERY_ID, cells, devicetree_host, tree
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Link, Memory

BRIDGE = f"{ECAM}/pci0000:00/0000:00:1e.0"
SMMU, NOBODY = 777, 999


def behind_a_bridge(host: dict[str, Entry], number: int, **files: bytes) -> str:
    """Add a function without a group, and return its directory."""
    name = f"0000:{1 + (number >> 8):02x}:{number >> 3 & 31:02x}.{number & 7}"
    home = f"{BRIDGE}/{name}"
    host |= {f"{home}/uevent": b"PCI_CLASS=20000\n", **{f"{home}/{k}": v for k, v in files.items()}}
    host[f"/sys/bus/pci/devices/{name}"] = Link(f"../../../{home.removeprefix('/sys/')}")
    return home


def whole(phandle: int) -> dict[str, Entry]:
    """A host before v6.15 whose functions all have the IOMMU with this phandle."""
    mapped = {"msi-map": EVERY_ID, "iommu-map": cells(0, phandle, 0, 0x10000)}
    host = devicetree_host(tree(mapped), release="6.12.0-arm64")
    host |= {f"{BRIDGE}/uevent": b"PCI_CLASS=60400\n", f"{BRIDGE}/max_link_speed": b"2.5 GT/s\n"}
    host["/sys/bus/pci/devices/0000:00:1e.0"] = Link(f"../../../{BRIDGE.removeprefix('/sys/')}")
    return host | smmu(SMMU)


def smmu(number: int) -> dict[str, Entry]:
    node = f"{BASE}/smmu@{number:x}"
    return {
        f"{node}/compatible": b"arm,smmu-v3\0",
        f"{node}/#iommu-cells": cells(1),
        f"{node}/phandle": cells(number),
    }


def with_nodes(size: int) -> dict[str, Entry]:
    """A host with as many functions as IOMMUs in the tree; the map names none of these IOMMUs."""
    host = whole(NOBODY)
    for number in range(size):
        behind_a_bridge(host, number, max_link_speed=b"2.5 GT/s\n")
        host |= smmu(1000 + number)
    return host


def conventional(size: int) -> dict[str, Entry]:
    """A host whose functions all send under a bridge's id; half of them have a group."""
    host = whole(SMMU)
    for number in range(size):
        home = behind_a_bridge(host, number)
        if number % 2:
            up = "../" * (home.count("/") - 1)
            group = f"/sys/kernel/iommu_groups/{100 + number}"
            host[f"{home}/iommu_group"] = Link(f"{up}kernel/iommu_groups/{100 + number}")
            host[f"{group}/type"] = b"DMA\n"
            host[f"{group}/devices/{home.rpartition('/')[2]}"] = Link(f"../../../..{home[4:]}")
    return host


def calls(host: dict[str, Entry]) -> int:
    """The number of function calls that judge a host; unlike a time, it is the same in each run."""
    snapshot, found = take(Memory(host)), 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal found
        found += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        report = evaluate(snapshot, "now")
    finally:
        sys.setprofile(None)
    assert len(report.ungrouped) > 50
    return found


@pytest.mark.parametrize("host", [with_nodes, conventional])
def test_four_times_the_functions_are_four_times_the_work(
    host: Callable[[int], dict[str, Entry]],
) -> None:
    assert calls(host(480)) < 5 * calls(host(120))
