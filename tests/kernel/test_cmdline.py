from __future__ import annotations

import pytest

from vfioguard.fact import Fact
from vfioguard.kernel.identity import cmdline
from vfioguard.root.memory import Memory


def words(line: bytes) -> tuple[str, ...]:
    reading = cmdline.read(Memory({"/proc/cmdline": line + b"\n"}))
    assert isinstance(reading, Fact)
    return reading.value


# drivers/iommu/irq_remapping.c setup_irqremap(), setup_nointremap(); policy.md 3.7.
@pytest.mark.parametrize(
    ("line", "off"),
    [
        (b"", False),
        (b"intremap=off", True),
        (b"intremap=on", False),
        (b"intremap=off intremap=on", False),
        (b"intremap=on intremap=off", True),
        (b"intremap=on,off", True),
        (b"intremap=off,on", False),
        (b"intremap=off,nosid", True),
        (b"intremap=nosid,off", True),
        (b"intremap=nosid", False),
        (b"intremap=nopost", False),
        (b"intremap=no_x2apic_optout", False),
        (b"intremap=offline", True),
        (b"intremap=off,,,on,", False),
        (b"intremap=", False),
        (b"intremap", False),
        (b"intremap=Off", False),
        (b"nointremap", True),
        (b"nointremap intremap=on", False),
        (b"intremap=on nointremap", True),
        (b"noapic", True),
        (b"noapic intremap=on", True),
        (b"noapic apic", False),
        (b"apic noapic", True),
        (b"noapic apic=verbose", True),
        (b"nosmp", True),
        (b"maxcpus=0", True),
        (b"maxcpus=0x0", True),
        (b"maxcpus=00", True),
        (b"maxcpus=0 maxcpus=4", True),
        (b"maxcpus=10", False),
        (b"maxcpus=1", False),
        (b"maxcpus=", False),
        (b"nr_cpus=1", False),
        (b"nolapic", True),
        (b"disableapic", True),
        (b"nolapic apic", True),
        (b"acpi=off", True),
        (b"acpi=off acpi=force", False),
        (b"acpi=force acpi=off", True),
        (b"acpi=noirq", False),
        (b"pci=noacpi", False),
        (b"nox2apic", False),
        (b"intel_iommu=off", False),
        (b"foo=noapic", False),
        (b"init=/x -- intremap=off", False),
        (b'quoted="a intremap=off b"', False),
        (b'"intremap=off"', True),
        (b'intremap="off"', True),
    ],
)
def test_the_last_word_on_remapping_wins(line: bytes, *, off: bool) -> None:
    assert cmdline.remapping_disabled(words(line)) is off


@pytest.mark.parametrize(
    "option",
    [
        b"vfio-iommu-type1.allow_unsafe_interrupts=1",
        b"vfio_iommu_type1.allow-unsafe-interrupts=1",
        b"irqchip.gicv3_nolpi=1",
        b"ivrs_ioapic[4]=00:14.0",
        b"pci=nomsi",
        b"intel_iommu=on,igfx_off",
        b"iommufd.allow_unsafe_interrupts",
        b"nolapic",
    ],
)
def test_an_option_that_bears_on_isolation_is_kept(option: bytes) -> None:
    assert words(b"quiet " + option + b" splash") == (option.decode(),)


@pytest.mark.parametrize(
    "option",
    [
        b"root=UUID=2f9cb9f5-0f2b-4a3c-9a35-000000000000",
        b"luks.key=secret",
        b"xintremap=off",
        b'"intremap=off "',
        b'intremap="off on"',
        b"intremapx=off",
        b"console=ttyS0",
        b"BOOT_IMAGE=/vmlinuz",
        b"noapictimer",
    ],
)
def test_every_other_option_is_dropped_where_it_is_read(option: bytes) -> None:
    assert words(option) == ()
