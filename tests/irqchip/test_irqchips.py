"""Which chip isolates MSIs: the kernel sets its flag in four files.

The oracle is the kernel's source: tests/fixtures/irqchip/chips.tsv says which file names which
chip, and which sets the flag for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfioguard import leaves
from vfioguard.fact import Fact
from vfioguard.inference.chips import Chips
from vfioguard.irqchip import Irqchip
from vfioguard.kernel.devices import Device
from vfioguard.kernel.uevent import Uevent

FAMILIES = leaves.all_of("vfioguard.irqchip", "IRQCHIP", Irqchip)
BDF = "0000:01:00.0"

ISOLATES = [
    "IR-PCI-MSI", f"IR-PCI-MSI-{BDF}", f"IR-PCI-MSIX-{BDF}",
    f"vIR-PCI-MSI-{BDF}", f"vIR-PCI-MSIX-{BDF}",
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
        "iProc", "PLDA", "MIP-MSI", "PCH", "SG2042", "PNV", "pSeries", "ALPINE", "MPIC", "RZG3S",
        "ASPEED", "pl_dma", "SG2044", "GICP", "ODMI", "SEI", "MU-MSI")),
    "PNV-PCI-MSI", "pSeries-PCI-MSI", "X-Gene1 MSI", "BRCM STB PCIe MSI", "MSIx", "MPIC MSI",
    "SEI pMSI", "Tegra PCIe MSI", "R-Car PCIe MSI", "MTK PCIe MSI", "Altera PCIe MSI",
    "Mobiveil PCIe MSI", "Xilinx PCIe MSI", "nwl_pcie:msi", "PCIe MSI", "Microchip PCIe MSI",
    "PCH PCI MSI", "pl_dma:PCIe MSI", "PLDA PCIe MSI", "advk-MSI", "iProc-MSI", "MU-MSI", "GICP",
    "ODMI", "MSI-INTA", f"GICP-pMSI-{BDF}", "xen-pirq", "xen-pirq-msi", "xen-pirq-msi-x",
]  # fmt: skip
#: Parents that no device shows, wired chips, the IOMMU's own, and names that nobody has.
UNKNOWN = [
    "INTEL-IR", "INTEL-IR-POST", "AMD-IR", "HYPERV-IR", "ITS", "ITS-v5", "GICv2m", "IMSIC",
    "IR-IO-APIC", "IO-APIC", "IR-HPET-MSI", "HPET-MSI", "DMAR-MSI", "IOMMU-MSI", "GICv3", "GIC-0",
    "XT-PIC", "", "IR-", "IR-PCI-MSIXX", "XIR-PCI-MSI", "NEW-PCI-MSI", "PCI-MSIY", "ITS-PCI-MSI2",
    "IR-PCI", "ir-pci-msi", "vIR-", "vvIR-PCI-MSI", "CDX-MSI", "ITS-mbigen-v2",
    "PCI-MSI ", " PCI-MSI", "PCI-MSI\nIR-PCI-MSI", "FOO-ITS-MSI",
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


LONG = "soc@0:interconnect@10000000:memory-controller@1"


@pytest.mark.parametrize("size", range(len("ITS-pMSI-") + 1, 47))
def test_a_chips_name_that_the_kernel_cut_is_still_known(size: int) -> None:
    # The kernel keeps 47 characters of it (include/linux/msi.h, struct msi_domain_template).
    name = "x" * (47 - size) + LONG
    assert isolates(f"ITS-pMSI-{name}"[:47], name) is True


def test_a_name_that_is_not_of_that_length_is_not_cut() -> None:
    assert isolates(f"ITS-pMSI-{LONG}"[:46], LONG) is None


def test_a_chip_of_another_device_is_the_same_family() -> None:
    assert isolates("IR-PCI-MSIX-0000:02:00.0") is True


class Row(NamedTuple):
    """A line of the table: the chips that one file names, and what sets the flag for them."""

    kind: str
    name: str
    file: str
    releases: str
    setter: str

    def chips(self, kinds: tuple[str, ...]) -> set[str]:
        """The names that devices show; below a parent for each kind of device."""
        return {self.name} if self.kind == "chip" else {self.name + kind for kind in kinds}


TABLE = Path(__file__).parents[1] / "fixtures" / "irqchip" / "chips.tsv"
ROWS = [
    Row(*line.split("\t")) for line in TABLE.read_text().splitlines() if not line.startswith("#")
]
PCI = ("PCI-MSI", "PCI-MSIX")
#: The families that isolate, and the files that set the flag on their domains. A family is added
#: here by whoever has read such a file; `grep -r IRQ_DOMAIN_FLAG_ISOLATED_MSI drivers` of v7.3.4
#: shows no other.
SETTERS = {
    "drivers/iommu/intel/irq_remapping.c": "x86 interrupt remapping",
    "drivers/iommu/amd/iommu.c": "x86 interrupt remapping",
    "drivers/irqchip/irq-gic-v3-its.c": "GICv3 ITS",
    "drivers/irqchip/irq-gic-v5-its.c": "GICv5 ITS",
}


def of_chip(chip: str) -> list[Irqchip]:
    return [family for family in FAMILIES if chip in family.chips]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.file} {row.name}")
def test_a_chip_of_the_kernels_source_isolates_where_a_file_sets_the_flag(row: Row) -> None:
    for chip in row.chips(PCI):
        (family,) = of_chip(chip)
        if row.setter in SETTERS:
            assert (family.isolates, family.family) == (True, SETTERS[row.setter])
        else:
            assert family.isolates is {"-": False, "?": None}[row.setter]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_a_family_has_no_chip_that_no_source_has(family: Irqchip) -> None:
    named = {chip for row in ROWS for chip in row.chips((*PCI, "pMSI"))}
    unnamed = family.chips - named
    assert not unnamed, f"{family.family} lacks rows in tests/fixtures/irqchip/chips.tsv: {unnamed}"


def test_only_the_families_of_the_four_files_isolate() -> None:
    isolating = {family.family for family in FAMILIES if family.isolates}
    assert isolating == set(SETTERS.values()), "a family that isolates belongs into SETTERS"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_the_chips_of_a_family_that_isolates_are_named_as_no_other_is(family: Irqchip) -> None:
    like = {chip for chip in family.chips if chip.startswith(("ITS", "IR-", "vIR-"))}
    assert like == (family.chips if family.isolates else set())


def test_no_chip_is_of_two_families() -> None:
    names = [chip for family in FAMILIES for chip in family.chips]
    assert len(names) == len(set(names))
    assert len(FAMILIES) == len({family.family for family in FAMILIES})


@given(st.text())
def test_only_names_of_the_four_files_isolate(chip: str) -> None:
    assert isolates(chip) is not True or chip.startswith(("IR-PCI-MSI", "vIR-PCI-MSI", "ITS-"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_a_family_cites_a_file_that_names_its_chips_or_sets_their_flag(family: Irqchip) -> None:
    rows = [row for row in ROWS if row.chips(PCI) & family.chips]
    files = {row.setter if family.isolates else row.file for row in rows}
    assert family.source.startswith(("drivers/", "arch/"))
    assert any(Path(file).name in family.source or family.source in file for file in files)


def test_only_an_its_stands_behind_a_pre_its() -> None:
    assert {f.family for f in FAMILIES if f.its} == {"GICv3 ITS", "GICv5 ITS"}
