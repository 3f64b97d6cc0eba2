"""POLICY 2.3: which chip isolates MSIs; the kernel sets its flag in four files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard import known
from vfioguard.fact import Fact
from vfioguard.inference.chips import Chips
from vfioguard.irqchip import Irqchip
from vfioguard.kernel.devices import Device
from vfioguard.kernel.uevent import Uevent

FAMILIES = known.leaves("vfioguard.irqchip", "IRQCHIP", Irqchip)
BDF = "0000:01:00.0"

ISOLATES = [
    "IR-PCI-MSI", f"IR-PCI-MSI-{BDF}", f"IR-PCI-MSIX-{BDF}",
    "ITS-MSI", "ITS-pMSI", "ITS-fMSI",
    f"ITS-PCI-MSI-{BDF}", f"ITS-PCI-MSIX-{BDF}", "ITS-pMSI-arm-smmu-v3.0.auto",
    f"ITS-v5-PCI-MSI-{BDF}", f"ITS-v5-PCI-MSIX-{BDF}",
]  # fmt: skip
DOES_NOT = [
    "PCI-MSI", f"PCI-MSI-{BDF}", f"PCI-MSIX-{BDF}",
    "MSI", "pMSI", f"MSI-PCI-MSI-{BDF}", f"MSI-PCI-MSIX-{BDF}",
    f"GICv2m-PCI-MSI-{BDF}", f"GICv2m-PCI-MSIX-{BDF}", f"GICv2m-pMSI-{BDF}",
    f"MBI-PCI-MSI-{BDF}", f"MBI-PCI-MSIX-{BDF}",
    "VMD-MSI", f"VMD-PCI-MSI-{BDF}", f"VMD-PCI-MSIX-{BDF}",
    "Hyper-V PCIe MSI", "HV-PCI-MSI", f"HV-PCI-MSIX-{BDF}",
    *(f"{prefix}-PCI-MSI{x}-{BDF}" for x in ("", "X") for prefix in (
        "DW", "BRCM", "MTK", "MTK3", "RCAR", "advk", "nwl", "xilinx", "Altera", "Mobiveil",
        "iProc", "PLDA", "MIP-MSI", "PCH", "SG2042", "PNV", "pSeries")),
    "PNV-PCI-MSI", "pSeries-PCI-MSI", "X-Gene1 MSI", "BRCM STB PCIe MSI",
    "xen-pirq-msi", "xen-pirq-msi-x",
]  # fmt: skip
#: Parents that no device shows, wired chips, the IOMMU's own, and names that nobody has.
UNKNOWN = [
    "INTEL-IR", "INTEL-IR-POST", "AMD-IR", "HYPERV-IR", "ITS", "ITS-v5", "GICv2m", "IMSIC",
    "IR-IO-APIC", "IO-APIC", "IR-HPET-MSI", "HPET-MSI", "DMAR-MSI", "IOMMU-MSI", "GICv3", "GIC-0",
    "XT-PIC", "", "IR-", "IR-PCI-MSIXX", "XIR-PCI-MSI", "NEW-PCI-MSI", "PCI-MSIY", "ITS-PCI-MSI2",
    "IR-PCI", "ir-pci-msi", "PCI-MSI ", " PCI-MSI", "PCI-MSI\nIR-PCI-MSI", "FOO-ITS-MSI",
]  # fmt: skip


def device(chip: str, name: str = BDF) -> Device:
    plain = Fact(Uevent(None, None, None), b"", "uevent")
    return Device(name, "pci", 0, plain, Fact((24,), b"24", "msi_irqs"), Fact(chip, b"", "irq"))


def isolates(chip: str, name: str = BDF) -> bool | None:
    family = Chips().family(device(chip, name))
    return None if family is None else family.isolates


@pytest.mark.parametrize("chip", [c for c in ISOLATES if "arm-smmu" not in c])
def test_a_chip_that_isolates(chip: str) -> None:
    assert isolates(chip) is True


@pytest.mark.parametrize("chip", DOES_NOT)
def test_a_chip_that_does_not(chip: str) -> None:
    assert isolates(chip) is False


@pytest.mark.parametrize("chip", UNKNOWN)
def test_a_chip_that_nobody_knows(chip: str) -> None:
    assert isolates(chip) is None


def test_a_platform_device_is_taken_off_its_chips_name() -> None:
    assert isolates("ITS-pMSI-arm-smmu-v3.0.auto", "arm-smmu-v3.0.auto") is True


def test_a_chip_of_another_device_is_the_same_family() -> None:
    assert isolates("IR-PCI-MSIX-0000:02:00.0") is True


@pytest.mark.parametrize("chip", [*ISOLATES, *DOES_NOT, *UNKNOWN])
def test_no_chip_has_two_families(chip: str) -> None:
    bare = chip.removesuffix(f"-{BDF}")
    assert sum(bare in family.chips is not None for family in FAMILIES) <= 1


def test_no_name_at_all_has_two_families() -> None:
    names = [chip for family in FAMILIES for chip in family.chips]
    assert len(names) == len(set(names))


@given(st.text())
def test_only_names_of_the_four_files_isolate(chip: str) -> None:
    assert isolates(chip) is not True or chip.startswith(("IR-PCI-MSI", "ITS-"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_a_family_cites_its_source(family: Irqchip) -> None:
    assert family.source.startswith(("drivers/", "arch/"))


def test_only_an_its_stands_behind_a_pre_its() -> None:
    assert {f.family for f in FAMILIES if f.its} == {"GICv3 ITS", "GICv5 ITS"}
