"""Functions that get their group when a driver binds: Arm before v6.15."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.arm_firmware import (
    ECAM,
    EVERY_ID,
    acpi_host,
    cells,
    devicetree_host,
    iort,
    its_group,
    madt,
    mapping,
    offsets,
    root_complex,
    smmu_v3,
    tree,
    ungroup,
)
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Report, UngroupedDevice
from vfioguard.root.memory import Entry, Link, Memory

NAME = "0000:01:00.0"
COHACC = 1
FUNCTIONS = ("0000:00:01.0", f"0000:00:01.0/{NAME}")


def table(first: int = 0, count: int = 0xFFFF, flags: int = COHACC) -> bytes:
    """An IORT that maps every id to the ITS, and these ids by way of the SMMU."""
    nodes = [its_group(0), smmu_v3(mapping(0, 0xFFFF, 0, 0)), root_complex(0, mapping(0, 0, 0, 0))]
    to_its, to_smmu, _ = offsets(nodes)
    smmu = smmu_v3(mapping(0, 0xFFFF, 0, to_its), flags=flags)
    return iort(its_group(0), smmu, root_complex(0, mapping(first, count, first, to_smmu)))


def by_acpi(
    release: str = "6.12.0-arm64", its: tuple[int, ...] = (0,), **tables: bytes
) -> dict[str, Entry]:
    found = {"APIC": madt(its=its), "IORT": table(), **tables}
    host = acpi_host(found, FUNCTIONS, release=release)
    ungroup(host, NAME)
    return host


def by_devicetree(
    bridge: Mapping[str, bytes], release: str = "6.12.0-arm64", **smmu: bytes
) -> dict[str, Entry]:
    nodes = tree({"msi-map": EVERY_ID, **bridge})
    nodes["/smmuv3@9050000"] = {
        "compatible": b"arm,smmu-v3\0",
        "#iommu-cells": cells(1),
        "phandle": cells(5),
        "dma-coherent": b"",
        **smmu,
    }
    host = devicetree_host(nodes, FUNCTIONS, release=release)
    ungroup(host, NAME)
    return host


TRANSLATED = {"iommu-map": cells(0, 5, 0, 0x10000)}


def report(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


def function(host: dict[str, Entry], name: str = NAME) -> UngroupedDevice:
    return next(device for device in report(host).ungrouped if device.name == name)


@pytest.mark.parametrize("release", ["5.10.0-arm64", "6.1.0-arm64", "6.14.0-arm64"])
def test_before_6_15_a_function_that_iort_maps_has_no_group_yet(release: str) -> None:
    device = function(by_acpi(release))
    assert device.binds is True
    assert "yet" in device.reason
    assert "when a driver binds" in device.reason
    assert "cannot bind" not in device.reason


@pytest.mark.parametrize("release", ["5.10.0-arm64", "6.14.0-arm64"])
def test_before_6_15_a_function_that_iommu_map_covers_has_no_group_yet(release: str) -> None:
    assert function(by_devicetree(TRANSLATED, release)).binds is True


@pytest.mark.parametrize("release", ["6.15.0-arm64", "7.3.4"])
def test_from_6_15_a_function_without_a_group_stays_so(release: str) -> None:
    for host in (by_acpi(release), by_devicetree(TRANSLATED, release)):
        device = function(host)
        assert device.binds is False
        assert "cannot bind" in device.reason


def test_a_number_with_backports_does_not_tell() -> None:
    host = by_acpi("5.14.0-503.el9.aarch64")
    device = function(host)
    assert device.binds is None
    assert "cannot bind" not in device.reason


@pytest.mark.parametrize(
    ("host", "binds"),
    [
        (by_acpi(IORT=table(0, 0xFF)), False),  # the ids of bus 0 alone
        (by_acpi(IORT=b"IORT"), None),
        (by_devicetree({}), False),
        (by_devicetree({"iommu-map": cells(0, 5, 0, 0x100)}), False),
        (by_devicetree({"iommu-map": cells(0, 5, 0, 0x100), "iommu-map-mask": cells(0xFF)}), True),
        (by_devicetree({"iommu-map": b""}), None),
        (by_devicetree({"iommu-map": cells(0, 7, 0, 0x10000)}), None),
        (by_devicetree(TRANSLATED, status=b"disabled\0"), False),
    ],
)
def test_firmware_decides_whether_there_will_be_one(
    host: dict[str, Entry], *, binds: bool | None
) -> None:
    assert function(host).binds is binds


def test_without_a_table_that_maps_functions_there_will_be_none() -> None:
    host = by_acpi()
    del host["/sys/firmware/acpi/tables/IORT"]
    assert function(host).binds is False
    host["/sys/firmware/acpi/tables/VIOT"] = b"VIOT"
    assert function(host).binds is None


def test_an_smmu_that_no_driver_took_makes_no_group() -> None:
    def elsewhere(text: str) -> str:
        return text.replace("smmu3.0x0000000009050000", "smmu3.0x0000000009060000")

    moved = {
        elsewhere(path): Link(elsewhere(entry.target)) if isinstance(entry, Link) else entry
        for path, entry in by_acpi().items()
    }
    assert function(moved).binds is False


def test_where_no_iommu_is_in_use_no_group_is_made() -> None:
    host = {path: entry for path, entry in by_acpi().items() if "smmu" not in path}
    host["/sys/class/iommu"] = None
    assert function(host).binds is False


def test_a_function_with_a_driver_went_that_way_already() -> None:
    host = by_acpi()
    home = f"{ECAM}/pci0000:00/{FUNCTIONS[1]}"
    host[f"{home}/uevent"] = b"DRIVER=nvme\nPCI_CLASS=10802\nPCI_ID=8086:10D3\n"
    assert function(host).binds is None


SHARING = ("0000:00:01.0", "0000:00:01.0/0000:01:01.0", "0000:00:01.0/0000:01:02.0")


@pytest.mark.parametrize(
    ("release", "binds"), [("6.12.0-arm64", False), ("5.13.0-arm64", False), ("5.10.0-arm64", None)]
)
def test_an_smmu_takes_one_function_of_those_behind_a_conventional_bridge(
    release: str, *, binds: bool | None
) -> None:
    conventional = {"0000:01:01.0", "0000:01:02.0"}
    tables = {"APIC": madt(), "IORT": table()}
    host = acpi_host(tables, SHARING, release=release, conventional=conventional)
    ungroup(host, "0000:01:02.0")
    assert function(host, "0000:01:02.0").binds is binds
    ungroup(host, "0000:01:01.0")  # now no function has the id: the first that is bound gets it
    assert function(host, "0000:01:02.0").binds is True


@pytest.mark.parametrize(("its", "would"), [((0,), "would be allowed"), ((), "would be refused")])
def test_what_the_group_would_get_is_said(its: tuple[int, ...], would: str) -> None:
    assert would in function(by_acpi(its=its)).reason


def test_no_such_group_is_expected_on_other_machines() -> None:
    host = by_acpi()
    host["/proc/sys/kernel/arch"] = b"ppc64le\n"
    assert function(host).binds is False


def test_the_tree_of_the_host_bridge_is_the_one_that_counts() -> None:
    host = by_devicetree(TRANSLATED)
    del host[f"{ECAM}/of_node"]
    assert function(host).binds is None


def its_alone() -> bytes:
    """An IORT without an IOMMU, as QEMU's machine "virt" has it beside a VIOT."""
    (to_its,) = offsets([its_group(0)])
    return iort(its_group(0), root_complex(0, mapping(0, 0xFFFF, 0, to_its)))


def test_a_viot_may_map_what_the_iort_does_not() -> None:
    assert function(by_acpi(IORT=its_alone())).binds is False
    device = function(by_acpi(IORT=its_alone(), VIOT=b"VIOT"))
    assert device.binds is None
    assert "cannot bind" not in device.reason


def x86_with_virtio_iommu(release: str, *, driver: bytes = b"") -> dict[str, Entry]:
    """A guest whose VIOT names a virtio-iommu at 0000:02:00.0; no driver was bound to NAME."""
    host = {
        path: entry
        for path, entry in x86_host(2, release=release, remapping=False).items()
        if "iommu" not in path
    }
    unit = "/sys/devices/pci0000:00/0000:02:00.0/virtio0/iommu/0000:02:00.0"
    host |= {
        "/sys/class/iommu/0000:02:00.0": Link(f"../..{unit.removeprefix('/sys')}"),
        f"{unit}/devices": None,
        "/sys/kernel/iommu_groups": None,
    }
    path = next(path for path in host if path.endswith(f"/{NAME}/uevent"))
    return host | {path: driver + b"PCI_CLASS=20000\nPCI_ID=8086:10D3\n"}


@pytest.mark.parametrize(
    ("release", "binds"), [("6.1.0-amd64", None), ("6.14.0", None), ("6.15.0", False)]
)
def test_behind_the_virtio_iommu_of_an_x86_a_group_is_made_as_late(
    release: str, *, binds: bool | None
) -> None:
    device = function(x86_with_virtio_iommu(release))
    assert device.binds is binds
    assert ("cannot bind" in device.reason) is (binds is False)


def test_a_virtio_iommu_is_never_behind_itself() -> None:
    assert function(x86_with_virtio_iommu("6.12.0"), "0000:02:00.0").binds is False


@pytest.mark.parametrize(("driver", "binds"), [(b"", None), (b"DRIVER=e1000e\n", False)])
def test_only_functions_with_drivers_show_that_no_iommu_makes_groups(
    driver: bytes, *, binds: bool | None
) -> None:
    """The host is a recording without /sys/class/iommu."""
    host = {path: entry for path, entry in by_acpi().items() if "smmu" not in path}
    ungroup_all(host)
    above = f"{ECAM}/pci0000:00/{FUNCTIONS[0]}/uevent"
    host[above] = driver + b"PCI_CLASS=60400\nPCI_ID=8086:10D3\n"
    assert function(host).binds is binds


def ungroup_all(host: dict[str, Entry]) -> None:
    for path in list(host):
        if "iommu_group" in path:
            del host[path]
    host["/sys/kernel/iommu_groups"] = None


@pytest.mark.parametrize(
    ("flags", "release", "binds"),
    [(0, "6.12.0-arm64", False), (COHACC, "6.12.0-arm64", True), (0, "5.18.0-arm64", True)],
)
def test_an_iommu_that_keeps_no_caches_coherent_lets_none_be_bound(
    flags: int, release: str, *, binds: bool
) -> None:
    device = function(by_acpi(release, IORT=table(flags=flags)))
    assert device.binds is binds
    assert ("cache" in device.reason) is not binds
    assert ("would be" in device.reason) is binds
