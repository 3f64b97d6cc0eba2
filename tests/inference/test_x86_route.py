"""The MSI domain of an x86 device without MSIs: by its unit's other devices, or through its VMD."""

from __future__ import annotations

import errno

import pytest

from tests.support.functions import Function, device_directory, link_device
from tests.support.hosts import x86_host
from vfioguard.judging.evaluate import evaluate
from vfioguard.reading.take import take
from vfioguard.report import Choice, GroupReport
from vfioguard.root.memory import Entry, Link, Memory, Refused

ISOLATED = "iommu_group_has_isolated_msi"
BDF = "0000:01:00.0"


def groups(host: dict[str, Entry]) -> tuple[GroupReport, ...]:
    return evaluate(take(Memory(host)), "now", Choice(ISOLATED)).groups


def answer(group: GroupReport) -> str:
    needed = group.headline.needs_override
    return {True: "refuse", False: "accept", None: "unknown"}[needed]


VMD_CHILD = "10000:e1:00.0"


@pytest.mark.parametrize(
    ("sibling", "endpoint", "expected"),
    [
        ("VMD-PCI-MSIX", "IR-PCI-MSIX", "refuse"),  # it remaps onto its own vectors
        ("IR-PCI-MSIX", None, "accept"),  # it hands its children's MSIs through
        (None, "IR-PCI-MSIX", "refuse"),  # it has vectors of its own only to remap onto them
        (None, None, "accept"),  # so without any it hands them through
    ],
)
def test_a_child_of_a_vmd(sibling: str | None, endpoint: str | None, expected: str) -> None:
    members = {
        0: [Function("0000:00:0e.0", endpoint, driver="vmd")],
        1: [Function(VMD_CHILD)],
        2: [Function("10000:e2:00.0", sibling)],
        3: [Function(BDF, "IR-PCI-MSIX")],
    }
    assert answer(groups(x86_host(members))[1]) == expected


VMD = "0000:00:0e.0"


def vmd_host(driver: str | None = "vmd", *others: Function) -> dict[str, Entry]:
    """A host with a VMD without vectors, and a function behind it on vfio-pci."""
    members: dict[int, list[Function | str]] = {
        0: [Function(VMD, driver=driver)],
        1: [Function(VMD_CHILD, driver="vfio-pci")],
        2: [Function(BDF, "IR-PCI-MSIX")],
    }
    members |= {number: [other] for number, other in enumerate(others, 3)}
    return x86_host(members)


@pytest.mark.parametrize("driver", [None, "vfio-pci"])
def test_a_vmd_that_is_not_on_its_driver_shows_nothing(driver: str | None) -> None:
    assert answer(groups(vmd_host(driver))[1]) == "unknown"


def test_a_vmd_whose_vectors_cannot_be_listed_shows_nothing() -> None:
    host = vmd_host()
    host[f"/sys/devices/pci0000:00/{VMD}/msi_irqs"] = Refused(errno.EACCES)
    assert answer(groups(host)[1]) == "unknown"


def test_of_vmds_that_differ_nobody_knows_which_one_is_above() -> None:
    host = vmd_host("vmd", Function("0000:80:0e.0", "IR-PCI-MSIX", driver="vmd"))
    assert answer(groups(host)[1]) == "unknown"


def test_a_vmd_that_always_has_vectors_shows_by_their_absence_that_a_recording_lacks_them() -> None:
    host = vmd_host()
    host[f"/sys/devices/pci0000:00/{VMD}/uevent"] = b"DRIVER=vmd\nPCI_ID=8086:201D\n"
    assert answer(groups(host)[1]) == "unknown"


def test_a_vmd_hands_through_what_nothing_remaps() -> None:
    members = {0: [Function(VMD, driver="vmd")], 1: [Function(VMD_CHILD)]}
    assert answer(groups(x86_host(members, remapping=False))[1]) == "refuse"


def with_second_unit(host: dict[str, Entry], ecap: bytes) -> dict[str, Entry]:
    """The host with another unit, behind which a function shows `PCI-MSIX` and one shows no MSI."""
    unit = "/sys/devices/virtual/iommu/dmar1"
    host |= {
        "/sys/class/iommu/dmar1": Link("../../devices/virtual/iommu/dmar1"),
        f"{unit}/intel-iommu/ecap": ecap,
    }
    for group, function in (
        (1, Function("0000:81:00.0", "PCI-MSIX")),
        (2, Function("0000:82:00.0")),
    ):
        host |= device_directory(function, 124, dated=True) | link_device(function, group, unit)
        host[f"/sys/kernel/iommu_groups/{group}/type"] = b"DMA\n"
    return host


def test_a_unit_that_shows_unremapped_msis_is_not_taken_for_one_that_remaps() -> None:
    host = with_second_unit(x86_host({0: [Function(BDF, "IR-PCI-MSIX")]}), b"f00f4a\n")
    outcomes = [answer(group) for group in groups(host)]
    assert outcomes == ["accept", "refuse", "unknown"]
    assert "contradict" in str(groups(host)[2].headline.isolated)


def test_a_unit_that_cannot_remap_does_not_whatever_the_others_do() -> None:
    host = with_second_unit(x86_host({0: [Function(BDF, "IR-PCI-MSIX")]}), b"f42\n")
    outcomes = [answer(group) for group in groups(host)]
    assert outcomes == ["accept", "refuse", "refuse"]
