"""Chips that no family lists: on Arm, in kernels whose source was read, none of them isolates.

In v7.3.4 IRQ_DOMAIN_FLAG_ISOLATED_MSI is set in four files, of which the two ITSs are Arm's.
"""

from __future__ import annotations

import pytest

from tests.policy.test_predicates import BDF, ISOLATED, said
from tests.support.functions import Function
from tests.support.hosts import arm_host, x86_host
from vfioguard.root.memory import Entry


def host(chip: str, release: str = "6.12.0-arm64") -> dict[str, Entry]:
    """A group whose only function has MSIs of this chip, which shows the function too."""
    return arm_host({0: [Function(BDF, chip)]}, release=release)


@pytest.mark.parametrize("release", ["6.3.0-arm64", "6.12.107+deb13-arm64", "7.3.4-arm64"])
def test_an_unlisted_chip_on_arm_is_refused(release: str) -> None:
    entries = host("NEW-PCI-MSIX", release)
    entries["/sys/kernel/irq/24/chip_name"] = f"NEW-PCI-MSIX-{BDF}\n".encode()
    assert said(entries, ISOLATED) == "refuse"


@pytest.mark.parametrize(
    "release", ["7.4.0-arm64", "8.0.0-arm64", "5.14.0-503.el9.aarch64", "6.4.0-default"]
)
def test_in_a_newer_kernel_or_a_vendors_it_may_be_a_family_that_isolates(release: str) -> None:
    entries = host("NEW-PCI-MSIX", release)
    entries["/proc/kallsyms"] = b"0000000000000000 T iommu_group_has_isolated_msi\n"
    assert said(entries, ISOLATED) == "unknown"


@pytest.mark.parametrize(
    "chip", ["ITS-v6-PCI-MSIX", "its-PCI-MSI", "ITS-mbigen-v2", "XITS-PCI-MSI", "ITS-PCI-MSIX2"]
)
def test_a_chip_with_a_name_like_an_its_may_be_one(chip: str) -> None:
    assert said(host(chip), ISOLATED) == "unknown"


@pytest.mark.parametrize("chip", ["GICv3", "GIC-0", "", "NEW", "NEW-PCI-"])
def test_a_name_that_is_no_msi_chips_says_nothing(chip: str) -> None:
    entries = host("x", "6.12.0-arm64")
    for number in (24, 25):
        entries[f"/sys/kernel/irq/{number}/chip_name"] = f"{chip}\n".encode()
    assert said(entries, ISOLATED) == "unknown"


def test_an_unlisted_chip_on_x86_says_nothing() -> None:
    assert said(x86_host({0: [Function(BDF, "NEW-PCI-MSIX")]}), ISOLATED) == "unknown"


def test_a_chip_that_stands_on_another_domain_says_nothing() -> None:
    assert said(host("CDX-MSI"), ISOLATED) == said(arm_host({0: [Function(BDF)]}), ISOLATED)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_the_msis_of_a_virtual_unit_are_remapped(vendor: str) -> None:
    # From v6.2 a guest calls them so (irqchip/x86_remapping.py).
    entries = x86_host({0: [Function(BDF, "vIR-PCI-MSIX")]}, vendor=vendor, release="6.8.0-amd64")
    assert said(entries, ISOLATED) == "accept"
