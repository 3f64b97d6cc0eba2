"""One file per irqchip family: the names of its MSI chips, and whether they isolate MSIs.

/sys/kernel/irq/N/chip_name shows the chip of an MSI. From v6.2 (x86) and v6.11 (arm64) the kernel
appends the device, "PCI-MSIX-0000:01:00.0" (kernel/irq/msi.c msi_create_device_irq_domain()). The
name of the device is cut off before a chip is looked up here.

These are all families in the sources of v5.10 to v7.3 that call `msi_create_parent_irq_domain`,
`pci_msi_create_irq_domain` or `platform_msi_create_irq_domain`, or have a `struct msi_controller`.
Each chip is a row of tests/fixtures/irqchip/chips.tsv. The chips that turn wired interrupts into
MSIs (mbigen, ICU, APLIC, GICv5 IWB) are left out: their domains lack MSI_FLAG_DEV_SYSFS, so no
`msi_irqs` shows them.
"""

from __future__ import annotations

from vfioguard.typed import NamedTuple

#: The chips of PCI devices (drivers/pci/msi/irqdomain.c) and of platform devices
#: (drivers/base/platform-msi.c).
_OF_DEVICES = ("PCI-MSI", "PCI-MSIX", "pMSI")


class Irqchip(NamedTuple):
    """A family. `chips` are the names of its chips, without a device's name.

    `isolates`: whether the kernel sets IRQ_DOMAIN_FLAG_ISOLATED_MSI, or its equivalent up to v6.2,
    on the family's domain. It is None if a parent domain decides, which the name does not tell.
    `its`: whether it is an Arm ITS; a Synquacer pre-ITS in front of an ITS breaks its isolation.
    """

    family: str
    chips: frozenset[str]
    isolates: bool | None
    source: str
    its: bool = False


def below(*prefixes: str) -> frozenset[str]:
    """The names of device chips whose parent domain has one of the prefixes (`msi_parent_ops`)."""
    return frozenset([prefix + chip for prefix in prefixes for chip in _OF_DEVICES])
