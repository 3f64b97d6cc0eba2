"""Why a host that is no x86 uses no IOMMU, and why one function of a host is in no group."""

from __future__ import annotations

import pytest

from tests.inference.test_late_group import NAME, by_acpi
from tests.inference.test_other_architectures import other_host
from tests.support.arm_firmware import (
    BASE,
    EVERY_ID,
    SMMU,
    Tree,
    acpi_host,
    cells,
    devicetree_host,
    iort,
    its_group,
    madt,
    mapping,
    root_complex,
    smmu_v3,
    tree,
    ungroup,
)
from tests.support.causing import without_group, without_group_in, words
from tests.test_agreement import HOSTS as FIXTURES
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry
from vfioguard.root.opening import open_root

FUNCTION = "0000:00:02.0"
X86_WORDS = ("intel_iommu", "amd_iommu", "VT-d", "AMD-Vi", "intremap", "DMAR", "IVRS")


def alone(host: dict[str, Entry]) -> dict[str, Entry]:
    """The host without groups and without an IOMMU in use."""
    ungroup(host, FUNCTION)
    bare = {path: entry for path, entry in host.items() if not path.startswith(SMMU)}
    bare = {path: entry for path, entry in bare.items() if "/sys/class/iommu" not in path}
    return bare | {"/sys/kernel/iommu_groups": None, "/sys/class/iommu": None}


def board(nodes: Tree) -> dict[str, Entry]:
    return alone(devicetree_host(nodes))


def test_a_bridge_without_iommu_map_has_no_iommu_before_it() -> None:
    causes = without_group(board(tree({"msi-map": EVERY_ID})), FUNCTION)
    (cause,) = causes.values()
    assert cause.name == "board_without_iommu"
    assert cause.helps is False
    assert "No setting helps" in cause.sentence


def test_an_iommu_that_serves_other_devices_is_none_before_pcie() -> None:
    host = devicetree_host(tree({"msi-map": EVERY_ID})) | {"/sys/kernel/iommu_groups": None}
    ungroup(host, FUNCTION)
    (cause,) = without_group(host, FUNCTION).values()
    assert cause.name == "board_without_iommu"
    assert "No setting helps" in cause.sentence


def test_a_bridge_with_a_map_beside_it_leaves_another_slot() -> None:
    nodes = tree({"msi-map": EVERY_ID})
    nodes["/pcie@20000000"] = {"device_type": b"pci\0", "iommu-map": cells(0, 7, 0, 0x10000)}
    host = devicetree_host(nodes) | {"/sys/kernel/iommu_groups": None}
    ungroup(host, FUNCTION)
    assert list(without_group(host, FUNCTION)) == ["not_behind_iommu"]


def test_a_guest_of_qemu_is_told_how_to_get_an_smmu() -> None:
    guest = board(tree({})) | {f"{BASE}/compatible": b"linux,dummy-virt\0"}
    cause = without_group(guest)["board_without_iommu"]
    assert cause.helps
    assert "iommu=smmuv3" in (cause.change[0].where or "")


def test_an_iommu_that_the_tree_disables_is_named() -> None:
    nodes = tree({})
    nodes["/iommu@9050000"] = {
        "compatible": b"arm,smmu-v3\0", "#iommu-cells": cells(1), "phandle": cells(7),
        "status": b"disabled\0",
    }  # fmt: skip
    cause = without_group(board(nodes))["board_without_iommu"]
    assert "/iommu@9050000" in (cause.change[0].where or "")


def test_a_tree_that_maps_an_iommu_is_no_such_board() -> None:
    nodes = tree({"iommu-map": cells(0, 7, 0, 0x10000)})
    nodes["/iommu@9050000"] = {
        "compatible": b"arm,smmu-v3\0", "#iommu-cells": cells(1), "phandle": cells(7),
    }  # fmt: skip
    assert list(without_group(board(nodes))) == ["smmu_not_used"]


def test_an_iort_without_smmu_is_named() -> None:
    table = iort(its_group(0), root_complex(0, mapping(0, 0xFFFF, 0, 48)))
    causes = without_group(alone(acpi_host({"APIC": madt(), "IORT": table})))
    assert list(causes) == ["iort_without_smmu"]


def test_an_iort_with_an_smmu_that_is_not_used_is_told_so() -> None:
    table = iort(its_group(0), smmu_v3(mapping(0, 0xFFFF, 0, 48)))
    causes = without_group(alone(acpi_host({"APIC": madt(), "IORT": table})))
    assert list(causes) == ["smmu_not_used"]


def test_linux_has_no_driver_for_loongarch() -> None:
    cause = without_group(alone(other_host("loongarch64")))["no_iommu_driver"]
    assert cause.helps is False


def test_a_group_that_is_not_made_yet_is_no_fault() -> None:
    host = by_acpi()
    cause = without_group(host, NAME)["group_made_at_bind"]
    assert NAME in (cause.change[0].where or "")
    assert "drivers_probe" in (cause.change[0].where or "")


@pytest.mark.parametrize("host", [board(tree({})), alone(other_host("loongarch64")), by_acpi()])
def test_no_word_of_x86_is_said_elsewhere(host: dict[str, Entry]) -> None:
    said = "\n".join(words(cause) + cause.rule for cause in without_group(host).values())
    assert not [word for word in X86_WORDS if word.lower() in said.lower()]


def test_a_function_that_shares_its_id_is_told_so() -> None:
    path = FIXTURES / "7.3-arm64--its-smmu-acpi" / "as-booted.tar.xz"
    root = open_root(str(path))
    names = [device.name for device in take(root).devices]
    assert names
    assert [list(without_group_in(root, name)) for name in names] == [["id_shared"]] * len(names)


def test_the_iommu_itself_is_told_apart() -> None:
    path = FIXTURES / "6.12-amd64--amd-ir-dma" / "as-booted.tar.xz"
    root = open_root(str(path))
    (device,) = take(root).devices
    assert list(without_group_in(root, device.name)) == ["iommu_itself"]


DMI = "/sys/class/dmi/id"


@pytest.mark.parametrize(
    ("vendor", "name"),
    [
        (b"Amazon EC2", "cloud_without_iommu"),
        (b"VMware, Inc.", "hypervisor_without_iommu"),
        (b"Apple Virtualization", "hypervisor_without_iommu"),
        (b"QEMU", "iort_without_smmu"),
        (b"Ampere", "iort_without_smmu"),
    ],
)
def test_a_guest_of_arm_is_told_what_its_hypervisor_can_do(vendor: bytes, name: str) -> None:
    table = iort(its_group(0), root_complex(0, mapping(0, 0xFFFF, 0, 48)))
    host = alone(acpi_host({"APIC": madt(), "IORT": table}))
    host |= {f"{DMI}/sys_vendor": vendor + b"\n", f"{DMI}/product_name": b"box\n"}
    (cause,) = without_group(host).values()
    assert cause.name == name
    assert not [word for word in X86_WORDS if word.lower() in words(cause).lower()]


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        ({"/sys/hypervisor/type": b"xen\n"}, "xen_owns_iommu"),
        ({"/sys/bus/vmbus/devices/1": b""}, "hyperv_without_iommu"),
    ],
)
def test_xen_and_hyperv_show_themselves_on_arm_too(entries: dict[str, Entry], name: str) -> None:
    (cause,) = without_group(board(tree({})) | entries).values()
    assert cause.name == name
    assert cause.helps is False
