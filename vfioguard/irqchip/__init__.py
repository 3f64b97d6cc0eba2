"""One file per irqchip family: how its MSI chips are called, and whether they isolate MSIs.

A chip is what /sys/kernel/irq/N/chip_name shows for an MSI. From v6.2 (x86) and v6.11 (arm64) the
kernel appends the device, "PCI-MSIX-0000:01:00.0" (kernel/irq/msi.c,
msi_create_device_irq_domain()), which is taken off before a family is asked.

The families are all that stand in the sources of v5.10 to v7.3, by `msi_create_parent_irq_domain`,
`pci_msi_create_irq_domain`, `platform_msi_create_irq_domain` and `struct msi_controller`; each chip
is a row of tests/fixtures/irqchip/chips.tsv. The chips of wired interrupts that become MSIs
(mbigen, ICU, APLIC, GICv5 IWB) are not among them: their domains lack MSI_FLAG_DEV_SYSFS, so no
`msi_irqs` shows them.
"""

from typing import NamedTuple

#: The chips of PCI devices (drivers/pci/msi/irqdomain.c) and of platform devices
#: (drivers/base/platform-msi.c).
_OF_DEVICES = ("PCI-MSI", "PCI-MSIX", "pMSI")


class Irqchip(NamedTuple):
    """`chips` are the chip names, without their device.

    `isolates`: whether the kernel sets IRQ_DOMAIN_FLAG_ISOLATED_MSI on the family's domain, or the
    v6.2 and older equivalent; None where a domain below it decides, which the name does not tell.
    `its`: an Arm ITS, which a Synquacer pre-ITS in front of it defeats.
    """

    family: str
    chips: frozenset[str]
    isolates: bool | None
    source: str
    its: bool = False


def below(*prefixes: str) -> frozenset[str]:
    """The chips of devices below parent domains with these prefixes (`struct msi_parent_ops`)."""
    return frozenset([prefix + chip for prefix in prefixes for chip in _OF_DEVICES])
