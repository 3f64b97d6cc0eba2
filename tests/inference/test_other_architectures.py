"""LoongArch, RISC-V, POWER: vfioguard does not read their firmware as Arm's."""

from __future__ import annotations

import struct

import pytest

from tests.support.arm_firmware import acpi_host, isolated, table
from vfioguard.inference.firmware import of_host
from vfioguard.inference.firmware.of_host import Given
from vfioguard.judging.evaluate import evaluate
from vfioguard.output import Style
from vfioguard.output.text import OUTPUT
from vfioguard.reading.take import take
from vfioguard.reason import reason
from vfioguard.report import Choice, Report
from vfioguard.root.memory import Entry, Memory
from vfioguard.verdict import Outcome

ARCH = "/proc/sys/kernel/arch"
NAME = "0000:00:02.0"


def loongarch_madt() -> bytes:
    """A MADT with CORE, EIO, MSI, BIO and LPC PICs: ACPI 6.5 5.2.12.20 to 26."""
    entries = [(17, 15), (20, 13), (21, 19), (22, 17), (23, 15)]
    body = b"".join(struct.pack("<BB", kind, size).ljust(size, b"\1") for kind, size in entries)
    return table(b"APIC", bytes(8) + body)


def other_host(arch: str, chip: str | None = None) -> dict[str, Entry]:
    host = acpi_host({"APIC": loongarch_madt()}, (NAME,))
    host[ARCH] = f"{arch}\n".encode()
    if chip is not None:
        home = f"/sys/devices/platform/10000000.pcie/pci0000:00/{NAME}"
        host[f"{home}/msi_irqs/30"] = b"msix\n"
        host["/sys/kernel/irq/30/chip_name"] = chip.encode() + b"\n"
    return host


def report(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


@pytest.mark.parametrize("arch", ["loongarch64", "riscv64", "ppc64le", "mips64"])
@pytest.mark.parametrize("chip", [None, f"PCI-MSIX-{NAME}"])
def test_a_madt_without_doorbells_says_nothing_where_it_is_no_arms(
    arch: str, chip: str | None
) -> None:
    found = evaluate(
        take(Memory(other_host(arch, chip))), "now", Choice("irq_domain_check_msi_remap")
    )
    assert found.groups[0].headline.isolated.truth is not True


@pytest.mark.parametrize("arch", ["loongarch64", "riscv64", "ppc64le"])
def test_no_contradiction_is_found_in_an_arm_reading_of_another_machine(arch: str) -> None:
    assert not report(other_host(arch, f"PCI-MSIX-{NAME}")).findings


@pytest.mark.parametrize(
    "chip", [None, f"PCH-PCI-MSIX-{NAME}", "PCH PCI MSI", f"AVEC-PCI-MSIX-{NAME}"]
)
def test_no_domain_of_a_loongarch_isolates(chip: str | None) -> None:
    assert isolated(other_host("loongarch64", chip), NAME) is False


def test_the_firmware_of_a_loongarch_is_not_told_in_words_of_arm() -> None:
    sentence = of_host.of_host(take(Memory(other_host("loongarch64")))).sentence
    assert "GICv2m" not in sentence
    assert "LoongArch" in sentence


def test_a_loongarchs_madt_from_elsewhere_is_recognised() -> None:
    given = [Given("APIC", "APIC", loongarch_madt())]
    assert "LoongArch" in of_host.of_files(given).sentence


CONFIG = (
    b"CONFIG_VFIO=m\nCONFIG_VFIO_CONTAINER=y\nCONFIG_VFIO_PCI=m\n# CONFIG_IOMMUFD is not set\n"
    b"CONFIG_PROC_FS=y\n"
)


def riscv_host(config: bytes = CONFIG) -> dict[str, Entry]:
    host = other_host("riscv64", f"PCI-MSIX-{NAME}")
    path = next(path for path in host if path.startswith("/boot/config-"))
    del host["/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"]
    return host | {path: config, "/sys/module/vfio/refcnt": b"1\n"}


def test_where_vfio_has_no_backend_it_is_known_that_nothing_can_be_attached() -> None:
    (group,) = report(riscv_host()).groups
    assert group.outcome is Outcome.REFUSED
    assert group.headline.needs_override is None  # no override helps
    assert "way to attach" in reason(group)


def test_an_unreadable_configuration_may_hide_a_backend() -> None:
    (group,) = report(riscv_host(b"")).groups
    assert group.outcome is Outcome.UNKNOWN


def text(host: dict[str, Entry]) -> str:
    return " ".join(OUTPUT.render(report(host), Style()).split())


def test_a_loaded_vfio_without_any_parameter_is_seen() -> None:
    shown = text(riscv_host())
    assert "no VFIO module loaded" not in shown
    assert "this kernel has no VFIO" not in shown
    assert "vfio is loaded" in shown
    assert "neither type1 nor iommufd" in shown


def test_where_no_module_is_seen_none_is_said_to_be_loaded() -> None:
    host = riscv_host()
    del host["/sys/module/vfio/refcnt"]
    assert "no VFIO module loaded" in text(host)


def test_a_parameter_shows_by_itself_that_its_module_is_loaded() -> None:
    snapshot = take(Memory(other_host("aarch64")))
    assert snapshot.modules == ()
