"""/proc/interrupts, /sys/kernel/irq and the two files of debugfs."""

from __future__ import annotations

import errno

import pytest

from vfioguard.fact import Fact, Gap, Malformed
from vfioguard.kernel.interrupts import ir_translation, irq, irq_domains, proc_interrupts
from vfioguard.root.memory import Memory, Refused

HEADER = b"            CPU0       CPU1       \n"


@pytest.mark.parametrize(
    ("line", "chip"),
    [
        (b"   1:          9          0   IO-APIC   1-edge      i8042\n", "IO-APIC"),
        (b"   1:          9          0  IR-IO-APIC    1-edge      i8042\n", "IR-IO-APIC"),
        (b"   9:          0          0  IR-IO-APIC    9-fasteoi   acpi\n", "IR-IO-APIC"),
        (b"   0:         33          0   IO-APIC-edge      timer\n", "IO-APIC"),
        (b"   9:          0          0   IO-APIC-fasteoi   acpi\n", "IO-APIC"),
        (b"  20:          9          0   IR-IO-APIC-fasteoi   ehci_hcd:usb1\n", "IR-IO-APIC"),
        (b"  19:          9          0   PCI-MSI-edge      eth0\n", "PCI-MSI"),
        (b"  19:          9          0   PCI-MSI 524288-edge      eth0\n", "PCI-MSI"),
        (b"  19:          9          0  Hyper-V PCIe MSI 4026531840-edge      nvme0q0\n",
         "Hyper-V PCIe MSI"),
        (b"  11:       1234        567     GICv3  27 Level     arch_timer\n", "GICv3"),
        (b"  11:       1234        567     GIC-0  27 Level     arch_timer\n", "GIC-0"),
        (b"  12:          0          0   ITS-MSI 16384 Edge      PCIe PME, aerdrv\n", "ITS-MSI"),
        (b"  12:          0          0 ITS-PCI-MSIX-0000:01:00.0   0 Edge      nvme0q0\n",
         "ITS-PCI-MSIX-0000:01:00.0"),
        (b"   2:          0          0    XT-PIC      2      cascade\n", "XT-PIC"),
        (b"   4:          0          0  xen-dyn-ipi  15  x\n", "xen-dyn-ipi"),
        (b"   4:          0          0\n", ""),
        (b"  24:          0          0  IR-PCI-MSI 1-edge\n", None),
        (b" NMI:          0          0   Non-maskable interrupts\n", None),
        (b" LOC:          9          8   Local timer interrupts\n", None),
        (b" ERR:          0\n", None),
    ],
)  # fmt: skip
def test_the_chip_of_a_wired_interrupt(line: bytes, chip: str | None) -> None:
    number = int(line.split(b":")[0]) if line.split(b":")[0].strip().isdigit() else -1
    assert proc_interrupts.parse(HEADER + line).get(number) == chip


@pytest.mark.parametrize("raw", [b"", b"garbage\n", b"  CPU0  CPU1", b"CPUs: 3\n", b"\n"])
def test_without_the_header_it_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        proc_interrupts.parse(raw)


def test_a_line_that_was_cut_is_not_read() -> None:
    cut = HEADER + b"   1:          9          0   IO-APIC   1-edge      i80"
    assert proc_interrupts.parse(proc_interrupts.select(cut)) == {}


def test_names_of_devices_behind_msis_are_dropped() -> None:
    raw = HEADER + b"  64:          1          0  IR-PCI-MSI 1-edge      secret-nic\n"
    assert b"secret" not in proc_interrupts.select(raw)


def test_the_chip_of_one_interrupt_is_read() -> None:
    irqs = Memory({"/sys/kernel/irq/24/chip_name": b"IR-PCI-MSI\n"}).under("/sys/kernel/irq")
    assert irq.chip_name(irqs, 24) == Fact(
        "IR-PCI-MSI", b"IR-PCI-MSI\n", "/sys/kernel/irq/24/chip_name"
    )


def test_a_chip_without_a_name_is_empty() -> None:
    irqs = Memory({"/sys/kernel/irq/24/chip_name": b"\n"}).under("/sys/kernel/irq")
    reading = irq.chip_name(irqs, 24)
    assert isinstance(reading, Fact)
    assert reading.value == ""


def test_wired_interrupts_are_read_up_to_the_first_on_an_io_apic() -> None:
    names = {0: b"XT-PIC", 1: b"", 2: None, 4: b"IR-IO-APIC", 5: b"IO-APIC", 30: b"IR-PCI-MSI"}
    host = {
        f"/sys/kernel/irq/{n}/chip_name": Refused(errno.EIO) if name is None else name + b"\n"
        for n, name in names.items()
    }
    found = irq.wired(Memory(host).under("/sys/kernel/irq"))
    assert [entry.irq for entry in found] == [0, 1, 2, 4]
    assert isinstance(found[2].chip, Gap)


# kernel/irq/irqdomain.c irq_domain_debug_show(), up to v6.10 and from v6.11.
OLD = b"""\
name:   IR-PCI-MSI-1-1
 size:   0
 mapped: 12
 flags:  0x00000051
 parent: INTEL-IR-1
    name:   INTEL-IR-1
     size:   65536
     mapped: 30
     flags:  0x00000041
     parent: VECTOR
        name:   VECTOR
         size:   0
         mapped: 90
         flags:  0x00000041
"""
NEW = b"""\
name:   INTEL-IR-0-13
 size:   65536
 mapped: 46
 flags:  0x00000123
            IRQ_DOMAIN_FLAG_HIERARCHY
            IRQ_DOMAIN_FLAG_ISOLATED_MSI
            IRQ_DOMAIN_FLAG_MSI_PARENT
 parent: VECTOR
    name:   VECTOR
     size:   0
     mapped: 84
     flags:  0x00000103
                IRQ_DOMAIN_FLAG_HIERARCHY
"""


@pytest.mark.parametrize(
    ("raw", "name", "flags", "msi", "isolated", "remapping"),
    [
        (OLD, "IR-PCI-MSI-1-1", (0x51, 0x41, 0x41), True, False, False),
        (NEW, "INTEL-IR-0-13", (0x123, 0x103), False, True, True),
        (b"name:   AMD-IR-0\n flags:  0x00000020\n", "AMD-IR-0", (0x20,), False, True, False),
        (b"name:   VECTOR\n flags:  0x00000103\n", "VECTOR", (0x103,), False, False, False),
        (b"name:   X\n flags:  0x00000010\n    name:   ITS\n     flags:  0x00000020\n",
         "X", (0x10, 0x20), True, True, False),
    ],
)  # fmt: skip
def test_a_domain_has_its_flags_and_its_parents(
    raw: bytes, name: str, flags: tuple[int, ...], *, msi: bool, isolated: bool, remapping: bool
) -> None:
    domain = irq_domains.parse(raw)
    assert (domain.name, domain.flags) == (name, flags)
    assert (domain.msi, domain.isolated, domain.remapping) == (msi, isolated, remapping)


@pytest.mark.parametrize("raw", [b"", b"garbage\n", b"name:   X\n", b"name: X\n flags:  zero\n"])
def test_what_is_no_domain_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        irq_domains.parse(raw)


def test_domains_of_single_devices_are_left_out() -> None:
    path = "/sys/kernel/debug/irq/domains"
    names = ["VECTOR", "IR-PCI-MSIX-0000:01:00.0-12", "default", "INTEL-IR-0-13"]
    reading = irq_domains.read(Memory({f"{path}/{name}": NEW for name in names}))
    assert isinstance(reading, Fact)
    assert [domain.source for domain in reading.value] == [
        f"{path}/INTEL-IR-0-13",
        f"{path}/VECTOR",
    ]


ON = b"Remapped Interrupt supported on IOMMU: dmar%d\n IR table address:1100000\n\n Entry SrcID\n"
OFF = b"Remapped Interrupt supported on IOMMU: dmar%d\nInterrupt Remapping is not enabled\n"


@pytest.mark.parametrize(
    ("raw", "enabled"),
    [(ON % 0, True), (OFF % 0, False), (ON % 0 + ON % 1, True), (ON % 0 + OFF % 1, False)],
)
def test_every_unit_that_can_remap_must(raw: bytes, *, enabled: bool) -> None:
    assert ir_translation.parse(raw) is enabled
    assert ir_translation.parse(ir_translation.select(raw)) is enabled


def test_the_remapping_table_itself_is_not_kept() -> None:
    assert b"SrcID" not in ir_translation.select(ON % 0)


def test_blanks_behind_the_name_of_a_domain_are_none_of_it() -> None:
    found = irq_domains.parse(b"name:   x" + b" " * 60_000 + b"y  \n size: 0\n flags:  0x33  \n")
    assert found.name == "x" + " " * 60_000 + "y"
    assert found.flags == (0x33,)
