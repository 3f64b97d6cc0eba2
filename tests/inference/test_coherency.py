"""IOMMU_CAP_CACHE_COHERENCY: from v5.19 on VFIO asks for it before it binds a device."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.arm_firmware import (
    acpi_host,
    cells,
    devicetree_host,
    iort,
    madt,
    root_complex,
    smmu_v3,
    tree,
)
from tests.support.hosts import x86_host
from vfioguard.inference.host import Host
from vfioguard.judging.evaluate import evaluate
from vfioguard.logic import Answer
from vfioguard.reading.take import take
from vfioguard.root.memory import Entry, Link, Memory
from vfioguard.root.opening import open_root

HOSTS = Path(__file__).parents[1] / "fixtures" / "sysfs"
RECORDED = sorted(
    host.name for host in HOSTS.iterdir() if "bind" in json.loads((host / "truth.json").read_text())
)
#: VFIO never binds bridges, whatever their IOMMU (vfio_pci_core_register_device()).
_BRIDGES = range(0x060000, 0x070000)


@pytest.mark.parametrize("name", RECORDED)
def test_no_device_is_told_another_answer_than_the_kernel_gave(name: str) -> None:
    truth = json.loads((HOSTS / name / "truth.json").read_text())["bind"]
    snapshot = take(open_root(str(HOSTS / name / "as-booted.tar.xz")))
    host = Host(snapshot)
    devices = [device for members in snapshot.members for device in members.devices]
    wrong = []
    for device in devices:
        errno, ours = truth.get(device.name), host.coherent(device).truth
        uevent = device.uevent
        code = getattr(getattr(uevent, "value", None), "pci_class", None) or 0
        bridge = code in _BRIDGES
        expected = {"OK": True, "EINVAL": None if bridge else False}.get(errno, ours)
        if ours is None or (expected is not None and ours is not expected):
            wrong.append((device.name, errno, ours))
    assert not wrong


def test_the_recorded_hosts_have_both_answers() -> None:
    assert "7.3.4-arm64--its-noncoh-acpi" in RECORDED
    assert "6.12.117-arm64--dt-grow" in RECORDED


@pytest.mark.parametrize("name", RECORDED)
def test_no_function_without_a_group_is_said_to_bind_or_not_against_the_kernel(name: str) -> None:
    truth = json.loads((HOSTS / name / "truth.json").read_text())["bind"]
    report = evaluate(take(open_root(str(HOSTS / name / "as-booted.tar.xz"))), "now")
    wrong = [
        (device.name, truth[device.name], device.binds)
        for device in report.ungrouped
        if device.name in truth and device.binds not in {None, truth[device.name] == "OK"}
    ]
    assert not wrong


def claims(answer: Answer) -> Iterator[str]:
    """The claim of the answer, and those that it rests on."""
    yield answer.claim
    for part in answer.because:
        if isinstance(part, Answer):
            yield from claims(part)


def test_a_claim_about_one_of_several_iommus_names_it_once() -> None:
    snapshot = take(open_root(str(HOSTS / "6.1-arm64--its-smmu-acpi" / "as-booted.tar.xz")))
    device = next(device for device in snapshot.devices if device.name == "0000:00:00.0")
    unit = "smmu3.0x0000000009050000"
    about_it = [claim for claim in claims(Host(snapshot).coherent(device)) if unit in claim]
    assert [claim.count(unit) for claim in about_it] == [1]


def answer(host: Mapping[str, Entry]) -> bool | None:
    snapshot = take(Memory(host))
    return Host(snapshot).coherent(snapshot.members[0].devices[0]).truth


def by_acpi(flags: int, release: str = "6.12.0-arm64") -> dict[str, Entry]:
    tables = {"APIC": madt(), "IORT": iort(smmu_v3(flags=flags), root_complex(0))}
    return acpi_host(tables, release=release)


@pytest.mark.parametrize(
    ("flags", "release", "coherent"),
    [
        (1, "6.12.0-arm64", True),
        (0, "6.12.0-arm64", False),
        (0, "6.1.0-arm64", False),
        (2, "6.12.0-arm64", False),  # an override of HTTU
        (0, "5.18.0-arm64", True),  # not asked
        (1, "5.19.0-arm64", None),
        (0, "5.14.0-503.el9.aarch64", None),
        (1, "5.14.0-503.el9.aarch64", True),
    ],
)
def test_an_smmu_v3_is_as_coherent_as_its_iort_node_says(
    flags: int, release: str, *, coherent: bool | None
) -> None:
    assert answer(by_acpi(flags, release)) is coherent


def test_an_iort_that_does_not_name_the_unit_says_nothing() -> None:
    host = by_acpi(1) | {
        "/sys/firmware/acpi/tables/IORT": iort(root_complex(0)),
    }
    assert answer(host) is None
    host["/sys/firmware/acpi/tables/IORT"] = b"IORT"
    assert answer(host) is None


def by_devicetree(**smmus: Mapping[str, bytes]) -> dict[str, Entry]:
    nodes = tree({})
    for address, properties in smmus.items():
        nodes[f"/iommu@{address}"] = {"compatible": b"arm,smmu-v3\0", "#iommu-cells": cells(1)}
        nodes[f"/iommu@{address}"] |= properties
    return devicetree_host(nodes)


@pytest.mark.parametrize(
    ("smmus", "coherent"),
    [
        ({"9050000": {"dma-coherent": b""}}, True),
        ({"9050000": {}}, False),
        ({"9050000": {}, "9060000": {"dma-coherent": b""}}, False),
        ({"50000": {"dma-coherent": b""}}, True),  # behind a bus with addresses of its own
        ({"50000": {"dma-coherent": b""}, "60000": {}}, None),
        ({"50000": {"dma-coherent": b""}, "60000": {"status": b"disabled\0"}}, True),
        ({"9050000": {"interconnects": cells(1)}}, None),
        ({}, None),
    ],
)
def test_in_a_device_tree_its_node_says_so(
    smmus: Mapping[str, Mapping[str, bytes]], *, coherent: bool | None
) -> None:
    assert answer(by_devicetree(**smmus)) is coherent


def managed(unit: str, arch: str) -> dict[str, Entry]:
    """A host with another IOMMU in front of its devices."""
    old = "smmu3.0x0000000009050000"

    def other(text: str) -> str:
        return text.replace(old, unit)

    host = {
        other(path): Link(other(entry.target)) if isinstance(entry, Link) else entry
        for path, entry in acpi_host({}).items()
    }
    return host | {"/proc/sys/kernel/arch": f"{arch}\n".encode()}


@pytest.mark.parametrize(
    ("unit", "arch", "coherent"),
    [
        ("riscv-iommu@3010000.iommu", "riscv64", False),
        ("apple-dart.382c00000.iommu", "aarch64", False),
        ("mtk-iommu.0x0000000010205000", "aarch64", False),
        ("msm-smmu.0x0000000007500000", "arm", False),
        ("0000:00:0e.0", "aarch64", True),
        ("a003e00.virtio_mmio", "riscv64", True),
        ("iommu-phb0001", "ppc64le", True),
        ("iommu0", "ppc64", True),
        ("s390-iommu.00000011", "s390x", True),
        ("fd600000.iommu", "aarch64", None),  # of whichever driver
        ("smmu.0x0000000009050000", "aarch64", None),
    ],
)
def test_most_drivers_say_the_same_of_every_device(
    unit: str, arch: str, *, coherent: bool | None
) -> None:
    assert answer(managed(unit, arch)) is coherent


def test_on_x86_every_driver_says_yes() -> None:
    assert answer(x86_host(1)) is True
    host = {path: entry for path, entry in x86_host(1).items() if "class/iommu" not in path}
    assert answer(host) is True
